#include "core/kernels/scale_search.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/scale_search.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;

// Σwq, Σwq² and Σwqx of every candidate, q = clamp(rne(inverse·(x − low)), bottom, top). Lanes are candidates, each
// with the sums of a plain loop over the values, to the bit: products are not fused with sums.
void candidateSums(const float* values, const float* weights, std::size_t count, float low, float bottom, float top,
                   ScaleCandidates& candidates) {
  const Tag d;
  const std::size_t n = hn::Lanes(d);
  const auto lowest = hn::Set(d, bottom);
  const auto highest = hn::Set(d, top);
  for (std::size_t at = 0; at < candidates.count; at += n) {
    const auto inverse = hn::Load(d, candidates.inverse + at);
    auto q1 = hn::Zero(d);
    auto q2 = hn::Zero(d);
    auto qx = hn::Zero(d);
    for (std::size_t i = 0; i < count; ++i) {
      const auto scaled = hn::Mul(inverse, hn::Set(d, values[i] - low));
      const auto q = hn::Min(hn::Max(hn::Round(scaled), lowest), highest);
      const auto wq = hn::Mul(hn::Set(d, weights[i]), q);
      q1 = hn::Add(q1, wq);
      q2 = hn::Add(q2, hn::Mul(wq, q));
      qx = hn::Add(qx, hn::Mul(wq, hn::Set(d, values[i])));
    }
    hn::Store(q1, d, candidates.q1 + at);
    hn::Store(q2, d, candidates.q2 + at);
    hn::Store(qx, d, candidates.qx + at);
  }
}

// The same for codes on both sides of zero, where products are ordered (w·x)·q.
void symmetricSums(const float* values, const float* weights, std::size_t count, float bottom, float top,
                   ScaleCandidates& candidates) {
  const Tag d;
  const std::size_t n = hn::Lanes(d);
  const auto lowest = hn::Set(d, bottom);
  const auto highest = hn::Set(d, top);
  for (std::size_t at = 0; at < candidates.count; at += n) {
    const auto inverse = hn::Load(d, candidates.inverse + at);
    auto q2 = hn::Zero(d);
    auto qx = hn::Zero(d);
    for (std::size_t i = 0; i < count; ++i) {
      const auto q = hn::Min(hn::Max(hn::Round(hn::Mul(inverse, hn::Set(d, values[i]))), lowest), highest);
      qx = hn::Add(qx, hn::Mul(hn::Set(d, weights[i] * values[i]), q));
      q2 = hn::Add(q2, hn::Mul(hn::Mul(hn::Set(d, weights[i]), q), q));
    }
    hn::Store(q2, d, candidates.q2 + at);
    hn::Store(qx, d, candidates.qx + at);
  }
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {
namespace simd {
HWY_EXPORT(candidateSums);
HWY_EXPORT(symmetricSums);
}  // namespace simd

namespace {

constexpr float kStep = 0.1F;
constexpr int kSymmetricSteps = 9;

struct Sums {
  float weight = 0;
  float x = 0;
  float xx = 0;
};

// The weighted least-squares scale and minimum for a candidate's codes, and what is left of the error.
struct Fit {
  ScaleAndMinimum grid;
  float error = 0;
};

Fit fitCandidate(const Sums& sums, const simd::ScaleCandidates& candidates, std::size_t at) {
  const float q1 = candidates.q1[at];
  const float q2 = candidates.q2[at];
  const float qx = candidates.qx[at];
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
  simd::ScaleCandidates candidates;
  candidates.add(top / range);
  for (int step = 0; step <= steps; ++step)
    candidates.add((firstStep + kStep * static_cast<float>(step) + top) / range);
  HWY_DYNAMIC_DISPATCH(simd::candidateSums)
  (values.data(), weights.data(), values.size(), low, 0.0F, top, candidates);
  Fit best = fitCandidate(sums, candidates, 0);
  for (std::size_t i = 1; i < candidates.count; ++i) {
    const Fit fit = fitCandidate(sums, candidates, i);
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
  simd::ScaleCandidates candidates;
  for (int step = -kSymmetricSteps; step <= kSymmetricSteps; ++step)
    candidates.add(-(bottom + kStep * static_cast<float>(step)) / extreme);
  HWY_DYNAMIC_DISPATCH(simd::symmetricSums)
  (values.data(), weights.data(), values.size(), -bottom, bottom - 1, candidates);
  float best = 0;
  float bestGain = 0;
  for (std::size_t i = 0; i < candidates.count; ++i) {
    const float qx = candidates.qx[i];
    const float q2 = candidates.q2[i];
    if (q2 > 0 && qx * qx > bestGain * q2) {
      best = qx / q2;
      bestGain = qx * qx / q2;
    }
  }
  return best;
}

}  // namespace qs
#endif
