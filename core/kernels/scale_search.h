#pragma once

#include <cassert>
#include <cmath>
#include <cstddef>
#include <span>

namespace qs {

namespace simd {

/// Scales that are tried on the same values, a lane each, and what their codes q sum up to with the weights w.
struct ScaleCandidates {
  static constexpr std::size_t kMost = 32;
  std::size_t count = 0;
  alignas(64) float inverse[kMost] = {};
  alignas(64) float q1[kMost];  ///< Σwq
  alignas(64) float q2[kMost];  ///< Σwq²
  alignas(64) float qx[kMost];  ///< Σwqx

  /// An inverse that overflowed is tried as 0, which no fit prefers.
  void add(float inverseScale) {
    assert(count < kMost);
    inverse[count++] = std::isfinite(inverseScale) ? inverseScale : 0.0F;
  }
};

}  // namespace simd

/// A sub-block's scale and offset: value ≈ scale · q − minimum, with minimum ≥ 0.
struct ScaleAndMinimum {
  float scale = 0;
  float minimum = 0;
};

/// The scale and minimum of least Σ weight·(value − x)² for codes 0..maxCode: candidate scales around the range, each
/// followed by a weighted least-squares fit of both. `steps` candidates from `firstStep` in units of a tenth of a code.
[[nodiscard]] ScaleAndMinimum searchScaleAndMinimum(std::span<const float> values, std::span<const float> weights,
                                                    int maxCode, float firstStep, int steps);

/// The signed scale of least Σ weight·(scale·q − x)² for codes −negative..negative−1.
[[nodiscard]] float searchSymmetricScale(std::span<const float> values, std::span<const float> weights, int negative);

}  // namespace qs
