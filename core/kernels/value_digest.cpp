#include "core/kernels/value_digest.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/value_digest.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Of a lane of the first stripe, and from one stripe to the next: odd numbers without a pattern.
constexpr std::uint64_t kKey = 0x9E3779B97F4A7C15U;
constexpr std::uint64_t kKeyStep = 0xD6E8FEB86659FD93U;

// Eight sums of 64 bits, whatever the vectors' width.
void digestStripesLoop(const float* values, std::size_t stripes, std::uint64_t firstStripe, std::uint64_t* sums) {
  constexpr std::size_t kSums = ValueDigest::kStripe / 2;
  const hn::CappedTag<std::uint64_t, kSums> d;
  const hn::Repartition<std::uint32_t, decltype(d)> halves;
  const hn::Repartition<float, decltype(d)> floats;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t part = 0; part < kSums; part += lanes) {
    auto sum = hn::LoadU(d, sums + part);
    alignas(64) std::array<std::uint64_t, kSums> keys{};
    for (std::size_t i = 0; i < lanes; ++i) keys[i] = kKey * (2 * (part + i) + 1) + kKeyStep * firstStripe;
    auto key = hn::Load(d, keys.data());
    const auto step = hn::Set(d, kKeyStep);
    const float* at = values + 2 * part;
    for (std::size_t s = 0; s < stripes; ++s, at += ValueDigest::kStripe) {
      // Adding 0 makes −0 to 0.
      const auto bits = hn::BitCast(d, hn::Add(hn::LoadU(floats, at), hn::Zero(floats)));
      const auto mixed = hn::Xor(bits, key);
      const auto product = hn::MulEven(hn::BitCast(halves, mixed), hn::BitCast(halves, hn::ShiftRight<32>(mixed)));
      // The neighbour's sum takes the bits themselves: a half may be multiplied by 0.
      sum = hn::Add(sum, hn::Add(product, hn::Reverse2(d, bits)));
      key = hn::Add(key, step);
    }
    hn::StoreU(sum, d, sums + part);
  }
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {

namespace simd {

HWY_EXPORT(digestStripesLoop);

namespace {

void digestStripes(const float* values, std::size_t stripes, std::uint64_t firstStripe, std::uint64_t* sums) {
  HWY_DYNAMIC_DISPATCH(digestStripesLoop)(values, stripes, firstStripe, sums);
}

}  // namespace

}  // namespace simd

void ValueDigest::add(std::span<const float> values) {
  if (const std::size_t held = m_count % kStripe; held > 0) {
    const std::size_t count = std::min(kStripe - held, values.size());
    std::copy_n(values.begin(), count, m_pending.begin() + static_cast<std::ptrdiff_t>(held));
    m_count += count;
    if (held + count < kStripe) return;
    simd::digestStripes(m_pending.data(), 1, m_count / kStripe - 1, m_sums.data());
    m_pending.fill(0);
    values = values.subspan(count);
  }
  const std::size_t stripes = values.size() / kStripe;
  simd::digestStripes(values.data(), stripes, m_count / kStripe, m_sums.data());
  m_count += values.size();
  values = values.subspan(stripes * kStripe);
  std::copy(values.begin(), values.end(), m_pending.begin());
}

std::uint64_t ValueDigest::value() const {
  std::array<std::uint64_t, kStripe / 2> sums = m_sums;
  simd::digestStripes(m_pending.data(), 1, m_count / kStripe, sums.data());
  const auto scrambled = [](std::uint64_t x) {
    x = (x ^ (x >> 32U)) * 0xD6E8FEB86659FD93U;
    x = (x ^ (x >> 32U)) * 0xD6E8FEB86659FD93U;
    return x ^ (x >> 32U);
  };
  std::uint64_t digest = m_count;
  for (const std::uint64_t sum : sums) digest = scrambled(digest ^ scrambled(sum + 1));
  return digest;
}

}  // namespace qs
#endif
