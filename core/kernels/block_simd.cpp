#include "core/kernels/block_simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/block_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using IntTag = hn::RebindToSigned<Tag>;
using Ints = hn::Vec<IntTag>;

float extremeOf(const float* values) {
  const Tag d;
  const std::size_t n = hn::Lanes(d);
  auto largest = hn::Abs(hn::LoadU(d, values));
  for (std::size_t i = n; i < kBlockValues; i += n) largest = hn::Max(largest, hn::Abs(hn::LoadU(d, values + i)));
  const auto everywhere = hn::MaxOfLanes(d, largest);
  if (hn::GetLane(everywhere) == 0.0F) return 0.0F;
  for (std::size_t i = 0; i < kBlockValues; i += n) {
    const auto found = hn::FindFirstTrue(d, hn::Eq(hn::Abs(hn::LoadU(d, values + i)), everywhere));
    if (found >= 0) return values[i + static_cast<std::size_t>(found)];
  }
  return 0.0F;
}

HWY_INLINE Ints nibblesOf(const float* values, float inverse) {
  const Tag d;
  const auto position = hn::Add(hn::Mul(hn::LoadU(d, values), hn::Set(d, inverse)), hn::Set(d, 8.5F));
  return hn::Min(hn::ConvertTo(IntTag(), position), hn::Set(IntTag(), 15));
}

void nibbles(const float* values, float inverse, std::uint8_t* out) {
  const hn::Rebind<std::uint8_t, Tag> bytes;
  constexpr std::size_t kHalf = kBlockValues / 2;
  for (std::size_t i = 0; i < kHalf; i += hn::Lanes(Tag())) {
    const auto high = hn::ShiftLeft<4>(nibblesOf(values + kHalf + i, inverse));
    hn::StoreU(hn::DemoteTo(bytes, hn::Or(nibblesOf(values + i, inverse), high)), bytes, out + i);
  }
}

void bytesOf(const float* values, float inverse, std::uint8_t* out) {
  const Tag d;
  const hn::Rebind<std::int8_t, Tag> bytes;
  for (std::size_t i = 0; i < kBlockValues; i += hn::Lanes(d)) {
    const auto x = hn::Mul(hn::LoadU(d, values + i), hn::Set(d, inverse));
    const auto whole = hn::Trunc(x);
    const auto away = hn::Ge(hn::Abs(hn::Sub(x, whole)), hn::Set(d, 0.5F));
    const auto rounded = hn::Add(whole, hn::IfThenElseZero(away, hn::CopySign(hn::Set(d, 1.0F), x)));
    hn::StoreU(hn::DemoteTo(bytes, hn::ConvertTo(IntTag(), rounded)), bytes, reinterpret_cast<std::int8_t*>(out + i));
  }
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(extremeOf);
HWY_EXPORT(nibbles);
HWY_EXPORT(bytesOf);

float blockExtreme(const float* values) { return HWY_DYNAMIC_DISPATCH(extremeOf)(values); }
void blockNibbles(const float* values, float inverse, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(nibbles)(values, inverse, out);
}
void blockBytes(const float* values, float inverse, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(bytesOf)(values, inverse, out);
}

}  // namespace qs::simd
#endif
