#include "core/kernels/clip_search.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/clip_search.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;

// The grids of one vector of candidates. Codes are counted from the zero point; a search may multiply by 1/scale, final
// codes may not.
struct Candidates {
  Vector inverse;
  Vector scale;
  Vector low;
  Vector high;
};

HWY_INLINE Candidates loadCandidates(const UnitGrid* grids, CodeLimits limits) {
  const Tag d;
  Vector scale;
  Vector zero;
  hn::LoadInterleaved2(d, &grids->scale, scale, zero);
  return {hn::Div(hn::Set(d, 1.0F), scale), scale, hn::Sub(hn::Set(d, limits.low), zero),
          hn::Sub(hn::Set(d, limits.high), zero)};
}

HWY_INLINE Vector squaredError(Vector value, const Candidates& grid, Vector sum) {
  const auto code = hn::Min(hn::Max(hn::Round(hn::Mul(value, grid.inverse)), grid.low), grid.high);
  const auto error = hn::MulSub(code, grid.scale, value);
  return hn::MulAdd(error, error, sum);
}

// Lanes are candidates: each adds its errors in the order of the values, and no sum crosses lanes.
template <std::size_t kVectors>
HWY_INLINE void addErrorsOf(const float* values, std::size_t count, const UnitGrid* grids, CodeLimits limits,
                            float* errors) {
  const Tag d;
  const std::size_t n = hn::Lanes(d);
  Candidates candidates[kVectors];
  Vector sums[kVectors];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kVectors; ++v) {
    candidates[v] = loadCandidates(grids + v * n, limits);
    sums[v] = hn::Zero(d);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = hn::Set(d, values[i]);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) sums[v] = squaredError(value, candidates[v], sums[v]);
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kVectors; ++v) hn::StoreU(sums[v], d, errors + v * n);
}

void addErrors(const float* values, std::size_t count, std::span<const UnitGrid> grids, CodeLimits limits,
               float* errors) {
  const std::size_t n = hn::Lanes(Tag());
  std::size_t at = 0;
  for (; at + 2 * n <= grids.size(); at += 2 * n) addErrorsOf<2>(values, count, &grids[at], limits, errors + at);
  if (at < grids.size()) addErrorsOf<1>(values, count, &grids[at], limits, errors + at);
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {
namespace simd {
HWY_EXPORT(addErrors);
}  // namespace simd

namespace {

constexpr std::size_t kTogether = 128;  // candidates
constexpr std::size_t kLanes = 16;      // whole vectors on every machine
constexpr std::size_t kRun = 1024;      // values whose errors are summed in F32

// The squared errors of the values on each grid.
void sumErrors(std::span<const float> values, std::span<const UnitGrid> grids, CodeLimits limits,
               std::span<double> sums) {
  using namespace simd;
  std::array<float, kTogether> errors;
  std::fill(sums.begin(), sums.end(), 0.0);
  for (std::size_t first = 0; first < values.size(); first += kRun) {
    HWY_DYNAMIC_DISPATCH(addErrors)
    (values.data() + first, std::min(kRun, values.size() - first), grids, limits, errors.data());
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<double>(errors[i]);
  }
}

}  // namespace

UnitGrid leastSquaresGrid(std::span<const float> values, const QuantScheme& scheme, int candidates, float step) {
  const ValueRange range = rangeOf(values);
  const CodeLimits limits = codeLimits(scheme);
  std::array<ValueRange, kTogether> ranges;
  std::array<UnitGrid, kTogether> grids;
  std::array<double, kTogether> sums;
  UnitGrid best;
  double least = std::numeric_limits<double>::infinity();
  const auto all = static_cast<std::size_t>(candidates);
  for (std::size_t first = 0; first < all; first += kTogether) {
    const std::size_t count = std::min(kTogether, all - first);
    const std::size_t padded = (count + kLanes - 1) / kLanes * kLanes;
    for (std::size_t i = 0; i < padded; ++i) {
      const float p = 1.0F - step * static_cast<float>(std::min(first + i, all - 1));
      ranges[i] = {p * range.low, p * range.high};
    }
    const auto tried = std::span(grids).first(padded);
    gridsOfRanges(std::span(ranges).first(padded), scheme, tried);
    sumErrors(values, tried, limits, std::span(sums).first(padded));
    for (std::size_t i = 0; i < count; ++i) {
      if (first + i > 0 && !(sums[i] < least)) continue;
      least = sums[i];
      best = grids[i];
    }
  }
  return best;
}

}  // namespace qs
#endif
