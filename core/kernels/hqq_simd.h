#pragma once

#include <cstddef>

namespace qs::simd {

/// One group's grid and the shrinkage of HQQ's solver (mobiusml/hqq, optimize.py).
struct HqqRule {
  float inverseScale;
  float zero;
  float highestCode;
  float beta;
  float power;  ///< p − 1
};

/// What a group adds to an iteration.
struct HqqSums {
  double absError = 0;  ///< Σ|r|
  double zero = 0;      ///< Σ q − (w − e)·a
};

/// One step over a group: r = w − (q − z)/a, e = sign(r)·max(|r| − |r|^(p−1)/β, 0). Sums in F64 over 16 interleaved
/// sums; the power is computed in F32 to about 1e-6.
[[nodiscard]] HqqSums hqqStep(const float* values, std::size_t count, const HqqRule& rule);

}  // namespace qs::simd
