#include "core/kernels/scaled_rounding.h"

#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/scaled_rounding.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Smallest and largest w·s; both are exact in any order.
void scaledRange(const float* weights, const float* scale, std::size_t count, float* low, float* high) {
  const hn::ScalableTag<float> d;
  const std::size_t n = hn::Lanes(d);
  float least = weights[0] * scale[0];
  float most = least;
  std::size_t i = 0;
  if (count >= n) {
    auto lows = hn::Set(d, least);
    auto highs = lows;
    for (; i + n <= count; i += n) {
      const auto value = hn::Mul(hn::LoadU(d, weights + i), hn::LoadU(d, scale + i));
      lows = hn::Min(lows, value);
      highs = hn::Max(highs, value);
    }
    least = hn::GetLane(hn::MinOfLanes(d, lows));
    most = hn::GetLane(hn::MaxOfLanes(d, highs));
  }
  for (; i < count; ++i) {
    const float value = weights[i] * scale[i];
    least = value < least ? value : least;
    most = value > most ? value : most;
  }
  *low = least + 0.0F;  // −0 becomes 0
  *high = most + 0.0F;
}

void scaledErrors(const float* weights, const float* scale, std::size_t count, UnitGrid grid, CodeLimits limits,
                  float* errors) {
  const hn::ScalableTag<float> d;
  const std::size_t n = hn::Lanes(d);
  const auto step = hn::Set(d, grid.scale);
  const auto zero = hn::Set(d, grid.zero);
  const auto low = hn::Set(d, limits.low);
  const auto high = hn::Set(d, limits.high);
  std::size_t i = 0;
  for (; i + n <= count; i += n) {
    const auto weight = hn::LoadU(d, weights + i);
    const auto factor = hn::LoadU(d, scale + i);
    const auto code = hn::Add(hn::Round(hn::Div(hn::Mul(weight, factor), step)), zero);
    const auto inside = hn::Min(hn::Max(code, low), high);
    const auto back = hn::Div(hn::Mul(hn::Sub(inside, zero), step), factor);
    hn::StoreU(hn::Sub(back, weight), d, errors + i);
  }
  for (; i < count; ++i) errors[i] = onGrid(weights[i] * scale[i], grid, limits) / scale[i] - weights[i];
}

void clampedErrors(const float* values, std::size_t count, float bound, UnitGrid grid, CodeLimits limits,
                   float* errors) {
  const hn::ScalableTag<float> d;
  const std::size_t n = hn::Lanes(d);
  const auto step = hn::Set(d, grid.scale);
  const auto zero = hn::Set(d, grid.zero);
  const auto low = hn::Set(d, limits.low);
  const auto high = hn::Set(d, limits.high);
  const auto most = hn::Set(d, bound);
  const auto least = hn::Set(d, -bound);
  std::size_t i = 0;
  for (; i + n <= count; i += n) {
    const auto value = hn::LoadU(d, values + i);
    const auto clamped = hn::Min(hn::Max(value, least), most);
    const auto code = hn::Add(hn::Round(hn::Div(clamped, step)), zero);
    const auto inside = hn::Min(hn::Max(code, low), high);
    hn::StoreU(hn::Sub(hn::Mul(hn::Sub(inside, zero), step), value), d, errors + i);
  }
  for (; i < count; ++i) errors[i] = onGrid(std::clamp(values[i], -bound, bound), grid, limits) - values[i];
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {
namespace simd {
HWY_EXPORT(scaledRange);
HWY_EXPORT(scaledErrors);
HWY_EXPORT(clampedErrors);
}  // namespace simd

using namespace simd;

void scaledRoundingErrorsOn(std::span<const float> weights, std::span<const float> inputScale, UnitGrid grid,
                            const QuantScheme& scheme, std::span<float> errors) {
  assert(weights.size() == inputScale.size() && weights.size() == errors.size());
  HWY_DYNAMIC_DISPATCH(scaledErrors)
  (weights.data(), inputScale.data(), weights.size(), grid, codeLimits(scheme), errors.data());
}

void scaledRoundingErrors(std::span<const float> weights, std::span<const float> inputScale, const QuantScheme& scheme,
                          std::span<float> errors) {
  if (weights.empty()) return;
  ValueRange range;
  HWY_DYNAMIC_DISPATCH(scaledRange)(weights.data(), inputScale.data(), weights.size(), &range.low, &range.high);
  scaledRoundingErrorsOn(weights, inputScale, gridOfRange(range, scheme), scheme, errors);
}

void clampedRoundingErrors(std::span<const float> values, float bound, UnitGrid grid, const QuantScheme& scheme,
                           std::span<float> errors) {
  assert(values.size() == errors.size());
  HWY_DYNAMIC_DISPATCH(clampedErrors)
  (values.data(), values.size(), bound, grid, codeLimits(scheme), errors.data());
}

}  // namespace qs
#endif
