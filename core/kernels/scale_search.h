#pragma once

#include <span>

namespace qs {

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
