#include "core/kernels/code_counts.h"

#include <algorithm>
#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/code_counts.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using CodeTag = hn::ScalableTag<std::uint8_t>;

void countGroup(const std::uint8_t* codes, std::size_t count, std::uint32_t* counts) {
  const CodeTag d;
  const std::size_t lanes = hn::Lanes(d);
  const auto lowBits = hn::Set(d, 15);
  std::size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const auto first = hn::And(hn::LoadU(d, codes + i), lowBits);
    const auto second = hn::And(hn::LoadU(d, codes + i + lanes), lowBits);
#pragma GCC unroll 16
    for (std::size_t code = 0; code < kCountedCodes; ++code) {
      const auto wanted = hn::Set(d, static_cast<std::uint8_t>(code));
      counts[code] += static_cast<std::uint32_t>(hn::CountTrue(d, hn::Eq(first, wanted)) +
                                                 hn::CountTrue(d, hn::Eq(second, wanted)));
    }
  }
  for (; i < count; ++i) ++counts[codes[i] & 15U];
}

void countCodesLoop(const std::uint8_t* codes, std::size_t count, std::size_t groupLength, std::uint32_t* counts) {
  for (std::size_t first = 0; first < count; first += groupLength, counts += kCountedCodes)
    countGroup(codes + first, std::min(groupLength, count - first), counts);
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {

namespace simd {
HWY_EXPORT(countCodesLoop);
}  // namespace simd

void countCodes(std::span<const std::uint8_t> codes, std::size_t groupLength, std::span<std::uint32_t> counts) {
  assert(groupLength > 0 && counts.size() == (codes.size() + groupLength - 1) / groupLength * kCountedCodes);
  std::fill(counts.begin(), counts.end(), 0U);
  using namespace simd;
  HWY_DYNAMIC_DISPATCH(countCodesLoop)(codes.data(), codes.size(), groupLength, counts.data());
}

}  // namespace qs
#endif
