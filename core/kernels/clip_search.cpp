#include "core/kernels/clip_search.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/clip_search.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

struct GridVectors {
  Vector step;
  Vector zero;
  Vector low;
  Vector high;
};

Vector squaredError(Vector value, const GridVectors& grid, Vector sum) {
  const auto code = hn::Add(hn::Round(hn::Div(value, grid.step)), grid.zero);
  const auto inside = hn::Min(hn::Max(code, grid.low), grid.high);
  const auto error = hn::Sub(hn::Mul(hn::Sub(inside, grid.zero), grid.step), value);
  return hn::MulAdd(error, error, sum);
}

double squaredErrors(const float* values, std::size_t count, UnitGrid grid, CodeLimits limits) {
  const Tag d;
  const std::size_t n = hn::Lanes(d);
  const GridVectors vectors{hn::Set(d, grid.scale), hn::Set(d, grid.zero), hn::Set(d, limits.low),
                            hn::Set(d, limits.high)};
  auto even = hn::Zero(d);
  auto odd = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 2 * n <= count; i += 2 * n) {
    even = squaredError(hn::LoadU(d, values + i), vectors, even);
    odd = squaredError(hn::LoadU(d, values + i + n), vectors, odd);
  }
  double sum = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd))));
  for (; i < count; ++i) {
    const double error = static_cast<double>(onGrid(values[i], grid, limits) - values[i]);
    sum += error * error;
  }
  return sum;
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {
namespace simd {
HWY_EXPORT(squaredErrors);
}  // namespace simd

using namespace simd;

double squaredRoundingError(std::span<const float> values, UnitGrid grid, const QuantScheme& scheme) {
  return HWY_DYNAMIC_DISPATCH(squaredErrors)(values.data(), values.size(), grid, codeLimits(scheme));
}

UnitGrid leastSquaresGrid(std::span<const float> values, const QuantScheme& scheme, int candidates, float step) {
  const ValueRange range = rangeOf(values);
  UnitGrid best = gridOfRange(range, scheme);
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < candidates; ++i) {
    const float p = 1.0F - step * static_cast<float>(i);
    const UnitGrid grid = gridOfRange({p * range.low, p * range.high}, scheme);
    const double error = squaredRoundingError(values, grid, scheme);
    if (error < least) {
      least = error;
      best = grid;
    }
  }
  return best;
}

}  // namespace qs
#endif
