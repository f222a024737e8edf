#include "core/kernels/clip_search.h"

#include <algorithm>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/clip_search.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;

// The grids of one vector of candidates. Codes are counted from the zero point.
struct Candidates {
  Vector inverse;
  Vector scale;
  Vector low;
  Vector high;
};

HWY_INLINE Candidates loadCandidates(const ClipCandidates& grids, std::size_t at) {
  const Tag d;
  return {hn::LoadU(d, grids.inverse.data() + at), hn::LoadU(d, grids.scale.data() + at),
          hn::LoadU(d, grids.low.data() + at), hn::LoadU(d, grids.high.data() + at)};
}

HWY_INLINE Vector squaredError(Vector value, const Candidates& grid, Vector sum) {
  const auto code = hn::Min(hn::Max(hn::Round(hn::Mul(value, grid.inverse)), grid.low), grid.high);
  const auto error = hn::MulSub(code, grid.scale, value);
  return hn::MulAdd(error, error, sum);
}

// Lanes are candidates: each adds its errors in the order of the values, and no sum crosses lanes.
void addErrors(const float* values, std::size_t count, const ClipCandidates& grids, float* errors) {
  const Tag d;
  const std::size_t n = hn::Lanes(d);
  for (std::size_t at = 0; at < grids.scale.size(); at += 2 * n) {
    const Candidates first = loadCandidates(grids, at);
    const Candidates second = loadCandidates(grids, at + n);
    auto sum0 = hn::Zero(d);
    auto sum1 = hn::Zero(d);
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = hn::Set(d, values[i]);
      sum0 = squaredError(value, first, sum0);
      sum1 = squaredError(value, second, sum1);
    }
    hn::StoreU(sum0, d, errors + at);
    hn::StoreU(sum1, d, errors + at + n);
  }
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {
namespace simd {
HWY_EXPORT(addErrors);
}  // namespace simd

namespace {

constexpr std::size_t kTogether = 32;  // candidates
constexpr std::size_t kRun = 1024;     // values whose errors are summed in F32

void setCandidate(UnitGrid grid, CodeLimits limits, std::size_t at, simd::ClipCandidates& grids) {
  grids.inverse[at] = 1.0F / grid.scale;
  grids.scale[at] = grid.scale;
  grids.low[at] = limits.low - grid.zero;
  grids.high[at] = limits.high - grid.zero;
}

std::vector<double> errorsOf(std::span<const float> values, const simd::ClipCandidates& grids) {
  using namespace simd;
  std::vector<double> sums(grids.scale.size(), 0.0);
  std::vector<float> errors(sums.size());
  for (std::size_t first = 0; first < values.size(); first += kRun) {
    HWY_DYNAMIC_DISPATCH(addErrors)
    (values.data() + first, std::min(kRun, values.size() - first), grids, errors.data());
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<double>(errors[i]);
  }
  return sums;
}

}  // namespace

UnitGrid leastSquaresGrid(std::span<const float> values, const QuantScheme& scheme, int candidates, float step) {
  const ValueRange range = rangeOf(values);
  const CodeLimits limits = codeLimits(scheme);
  const auto count = static_cast<std::size_t>(candidates);
  const std::size_t padded = (count + kTogether - 1) / kTogether * kTogether;
  std::vector<UnitGrid> grids(padded);
  simd::ClipCandidates lanes(padded);
  for (std::size_t i = 0; i < padded; ++i) {
    const float p = 1.0F - step * static_cast<float>(std::min(i, count - 1));
    grids[i] = gridOfRange({p * range.low, p * range.high}, scheme);
    setCandidate(grids[i], limits, i, lanes);
  }
  const std::vector<double> errors = errorsOf(values, lanes);
  return grids[static_cast<std::size_t>(std::min_element(errors.begin(), errors.begin() + candidates) -
                                        errors.begin())];
}

}  // namespace qs
#endif
