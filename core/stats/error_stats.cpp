#include "core/stats/error_stats.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "core/kernels/stats_simd.h"

namespace qs {

void ErrorStats::add(std::span<const float> reference, std::span<const float> approximation) {
  assert(reference.size() == approximation.size());
  simd::PairLanes lanes;
  simd::comparePairs(reference.data(), approximation.data(), reference.size(), reference.size(), lanes);
  add(lanes.total(), reference.size());
}

void ErrorStats::add(const simd::PairSums& sums, std::uint64_t pairs) {
  merge({.count = pairs,
         .sumSquaredReference = sums.reference,
         .sumSquaredApproximation = sums.approximation,
         .sumProduct = sums.product,
         .sumSquaredError = sums.squaredError,
         .sumAbsError = sums.absError,
         .maxAbsError = sums.maxAbsError});
}

void ErrorStats::merge(const ErrorStats& other) {
  count += other.count;
  sumSquaredReference += other.sumSquaredReference;
  sumSquaredApproximation += other.sumSquaredApproximation;
  sumProduct += other.sumProduct;
  sumSquaredError += other.sumSquaredError;
  sumAbsError += other.sumAbsError;
  maxAbsError = std::max(maxAbsError, other.maxAbsError);
}

double ErrorStats::meanSquaredError() const { return count > 0 ? sumSquaredError / static_cast<double>(count) : 0.0; }

double ErrorStats::sqnrDb() const {
  if (sumSquaredError == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(sumSquaredReference / sumSquaredError);
}

double ErrorStats::cosine() const {
  if (sumSquaredReference == 0.0 && sumSquaredApproximation == 0.0) return 1.0;
  if (sumSquaredReference == 0.0 || sumSquaredApproximation == 0.0) return 0.0;
  return sumProduct / std::sqrt(sumSquaredReference) / std::sqrt(sumSquaredApproximation);
}

double ErrorStats::relativeError() const {
  if (sumSquaredError == 0.0) return 0.0;
  return sumSquaredError / sumSquaredReference;
}

}  // namespace qs
