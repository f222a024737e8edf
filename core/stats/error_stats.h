#pragma once

#include <cstdint>
#include <span>

#include "core/kernels/stats_simd.h"

namespace qs {

/// Mergeable accumulator of how far approximate values are from their reference. Sums in F64.
struct ErrorStats {
  std::uint64_t count = 0;
  double sumSquaredReference = 0;
  double sumSquaredApproximation = 0;
  double sumProduct = 0;
  double sumSquaredError = 0;
  double sumAbsError = 0;
  double maxAbsError = 0;

  /// Adds pairs; both spans have the same length.
  void add(std::span<const float> reference, std::span<const float> approximation);
  /// Adds the sums over that many pairs.
  void add(const simd::PairSums& sums, std::uint64_t pairs);
  void merge(const ErrorStats& other);

  [[nodiscard]] double meanSquaredError() const;
  /// 10·log10(Σref²/Σerr²); +infinity when exact.
  [[nodiscard]] double sqnrDb() const;
  /// Cosine of the angle between the two vectors; 1 when both are zero.
  [[nodiscard]] double cosine() const;
  /// Σerr²/Σref²; 0 when exact.
  [[nodiscard]] double relativeError() const;
};

}  // namespace qs
