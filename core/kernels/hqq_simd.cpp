#include "core/kernels/hqq_simd.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/hqq_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kLanes = 16;  // virtual
using FloatTag = hn::CappedTag<float, kLanes>;
using Floats = hn::Vec<FloatTag>;

// The terms of a vector of weights.
struct Terms {
  Floats absError;
  Floats zero;
};

HWY_INLINE Terms termsOf(Floats w, const HqqRule& rule) {
  const FloatTag d;
  const auto inverse = hn::Set(d, rule.inverseScale);
  const auto zero = hn::Set(d, rule.zero);
  const auto rounded = hn::Round(hn::Add(hn::Mul(w, inverse), zero));
  const auto q = hn::Min(hn::Max(rounded, hn::Zero(d)), hn::Set(d, rule.highestCode));
  const auto error = hn::Sub(w, hn::Div(hn::Sub(q, zero), inverse));
  const auto magnitude = hn::Abs(error);
  // Below F32's normal numbers the power is so large that nothing is left, as at 0.
  const auto tiny = hn::Set(d, 1.2e-38F);
  const auto power = hn::Exp(d, hn::Mul(hn::Log(d, hn::Max(magnitude, tiny)), hn::Set(d, rule.power)));
  const auto left = hn::Max(hn::Sub(magnitude, hn::Div(power, hn::Set(d, rule.beta))), hn::Zero(d));
  const auto shrunk = hn::CopySign(hn::IfThenZeroElse(hn::Lt(magnitude, tiny), left), error);
  return {magnitude, hn::Sub(q, hn::Mul(hn::Sub(w, shrunk), inverse))};
}

HWY_INLINE void addLanes(Floats terms, double* sums) {
  const FloatTag d;
  HWY_ALIGN float lanes[kLanes];
  hn::Store(terms, d, lanes);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) sums[i] += static_cast<double>(lanes[i]);
}

HqqSums hqqStepLoop(const float* values, std::size_t count, const HqqRule& rule) {
  const FloatTag d;
  double absError[kLanes] = {};
  double zero[kLanes] = {};
  HWY_ALIGN float padded[kLanes] = {};
  for (std::size_t first = 0; first < count; first += kLanes) {
    const std::size_t width = std::min(kLanes, count - first);
    const float* block = values + first;
    if (width < kLanes) block = std::copy_n(block, width, padded) - width;
    for (std::size_t part = 0; part < width; part += hn::Lanes(d)) {
      const Terms terms = termsOf(hn::LoadU(d, block + part), rule);
      const auto used = hn::FirstN(d, width - part);
      addLanes(hn::IfThenElseZero(used, terms.absError), absError + part);
      addLanes(hn::IfThenElseZero(used, terms.zero), zero + part);
    }
  }
  HqqSums sums;
  for (std::size_t i = 0; i < kLanes; ++i) {
    sums.absError += absError[i];
    sums.zero += zero[i];
  }
  return sums;
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(hqqStepLoop);

HqqSums hqqStep(const float* values, std::size_t count, const HqqRule& rule) {
  return HWY_DYNAMIC_DISPATCH(hqqStepLoop)(values, count, rule);
}

}  // namespace qs::simd
#endif
