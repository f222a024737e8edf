#pragma once

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
[[nodiscard]] float fastExp(float x);

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
