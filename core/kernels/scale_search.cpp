#include "core/kernels/scale_search.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace qs {

namespace {

constexpr float kStep = 0.1F;
constexpr int kSymmetricSteps = 9;

float roundedCode(float value, float low, float high) { return std::clamp(std::nearbyint(value), low, high); }

struct Sums {
  float weight = 0;
  float x = 0;
  float xx = 0;
};

// Codes for one candidate, then the weighted least-squares scale and minimum for those codes, and what is left of the
// error.
struct Fit {
  ScaleAndMinimum grid;
  float error = 0;
};

Fit fitCandidate(std::span<const float> values, std::span<const float> weights, const Sums& sums, float inverse,
                 float low, float maxCode) {
  float q1 = 0;
  float q2 = 0;
  float qx = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float q = roundedCode(inverse * (values[i] - low), 0.0F, maxCode);
    q1 += weights[i] * q;
    q2 += weights[i] * q * q;
    qx += weights[i] * q * values[i];
  }
  const float determinant = sums.weight * q2 - q1 * q1;
  Fit fit;
  if (determinant > 0) {
    fit.grid.scale = (sums.weight * qx - sums.x * q1) / determinant;
    fit.grid.minimum = -(q2 * sums.x - q1 * qx) / determinant;
  }
  if (determinant <= 0 || fit.grid.minimum < 0) fit.grid = {q2 > 0 ? qx / q2 : 0.0F, 0.0F};
  const float s = fit.grid.scale;
  const float m = -fit.grid.minimum;
  fit.error = s * s * q2 + m * m * sums.weight + sums.xx + 2 * s * m * q1 - 2 * s * qx - 2 * m * sums.x;
  return fit;
}

}  // namespace

ScaleAndMinimum searchScaleAndMinimum(std::span<const float> values, std::span<const float> weights, int maxCode,
                                      float firstStep, int steps) {
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  const float low = std::min(*lowest, 0.0F);
  const float range = *highest - low;
  if (!(range > 0)) return {0.0F, -low};
  Sums sums;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums.weight += weights[i];
    sums.x += weights[i] * values[i];
    sums.xx += weights[i] * values[i] * values[i];
  }
  const auto top = static_cast<float>(maxCode);
  Fit best = fitCandidate(values, weights, sums, top / range, low, top);
  for (int step = 0; step <= steps; ++step) {
    const float inverse = (firstStep + kStep * static_cast<float>(step) + top) / range;
    const Fit fit = fitCandidate(values, weights, sums, inverse, low, top);
    if (fit.grid.scale > 0 && fit.error < best.error) best = fit;
  }
  return best.grid;
}

float searchSymmetricScale(std::span<const float> values, std::span<const float> weights, int negative) {
  float extreme = 0;
  for (const float x : values)
    if (std::fabs(x) > std::fabs(extreme)) extreme = x;
  if (extreme == 0.0F) return 0.0F;
  const auto bottom = static_cast<float>(negative);
  float best = 0;
  float bestGain = 0;
  for (int step = -kSymmetricSteps; step <= kSymmetricSteps; ++step) {
    const float inverse = -(bottom + kStep * static_cast<float>(step)) / extreme;
    float qx = 0;
    float q2 = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float q = roundedCode(inverse * values[i], -bottom, bottom - 1);
      qx += weights[i] * values[i] * q;
      q2 += weights[i] * q * q;
    }
    if (q2 > 0 && qx * qx > bestGain * q2) {
      best = qx / q2;
      bestGain = qx * qx / q2;
    }
  }
  return best;
}

}  // namespace qs
