#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

#include "core/model/architecture_spec.h"

namespace qs {

/// A norm's values, ready to use.
struct NormWeights {
  NormSpec spec;
  std::vector<float> weight;
  std::vector<float> bias;  ///< empty but for layer norms
};

/// eˣ within 2 units in the last place; 0 below −87.3, the largest finite value's neighbourhood above 88.
/// 2^n · e^r with |r| ≤ ln2/2 and e^r by a polynomial of degree 7 (Taylor: its remainder is below 1e-8). Plain
/// arithmetic, no branches and inline, so that compilers turn loops over it into vectors.
[[nodiscard]] inline float fastExp(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 · 2^23: adding and subtracting it rounds to whole numbers
  const float bounded = std::min(88.0F, std::max(-87.3F, x));
  const float n = (bounded * std::numbers::log2e_v<float> + kRound) - kRound;
  const float r = (bounded - n * 0.693359375F) + n * 2.12194440e-4F;  // ln 2 in two parts
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const auto exponent = static_cast<std::uint32_t>((static_cast<std::int32_t>(n) + 127)) << 23U;
  return x < -87.3F ? 0.0F : (x == x ? p * std::bit_cast<float>(exponent) : x);
}

/// out = norm(in); both may be the same memory. Sums in F64.
void normalize(const NormWeights& norm, std::span<const float> in, std::span<float> out);

void activate(Activation activation, std::span<float> values);
/// out = activation(gate) · up.
void activateGated(Activation activation, std::span<const float> gate, std::span<const float> up, std::span<float> out);

/// values = cap · tanh(values / cap).
void softCap(double cap, std::span<float> values);

/// Turns scores·scale (capped) into probabilities, in place. The sum is F64.
void softmax(std::span<float> scores, float scale, double cap);

}  // namespace qs
