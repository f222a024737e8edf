#include "core/model/runner/vector_math.h"

#include <cmath>
#include <numbers>

namespace qs {

namespace {

float sigmoid(float x) { return 1.0F / (1.0F + fastExp(-x)); }

float fastTanh(float x) {
  // 1 − 2/(e²ˣ + 1) loses digits near 0, where a few terms of the series are exact enough.
  if (std::abs(x) < 0.1F) {
    const float square = x * x;
    return x * (1.0F - square * (1.0F / 3.0F - square * (2.0F / 15.0F - square * (17.0F / 315.0F))));
  }
  return 1.0F - 2.0F / (fastExp(2.0F * x) + 1.0F);
}

float geluTanh(float x) {
  constexpr float kRootTwoOverPi = 0.7978845608028654F;
  return 0.5F * x * (1.0F + fastTanh(kRootTwoOverPi * (x + 0.044715F * x * x * x)));
}

float geluExact(float x) { return 0.5F * x * (1.0F + std::erf(x * std::numbers::sqrt2_v<float> * 0.5F)); }

/// Calls `visit` with the activation as a function object, so that the loop over values holds no switch.
template <typename Visit>
void withActivation(Activation activation, const Visit& visit) {
  switch (activation) {
    case Activation::Silu:
      return visit([](float x) { return x * sigmoid(x); });
    case Activation::Relu:
      return visit([](float x) { return x < 0.0F ? 0.0F : x; });  // NaN stays NaN
    case Activation::GeluExact:
      return visit(geluExact);
    case Activation::GeluTanh:
      return visit(geluTanh);
    case Activation::QuickGelu:
      return visit([](float x) { return x * sigmoid(1.702F * x); });
  }
}

double sumOf(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return sum;
}

double squaredDistance(std::span<const float> values, double center) {
  double sum = 0;
  for (const float value : values) sum += (static_cast<double>(value) - center) * (static_cast<double>(value) - center);
  return sum;
}

}  // namespace

void normalize(const NormWeights& norm, std::span<const float> in, std::span<float> out) {
  const auto size = static_cast<double>(in.size());
  const bool layer = norm.spec.kind == NormKind::Layer;
  const double mean = layer ? sumOf(in) / size : 0.0;
  const double scale = 1.0 / std::sqrt(squaredDistance(in, mean) / size + norm.spec.epsilon);
  const double plus = norm.spec.kind == NormKind::RmsPlusOne ? 1.0 : 0.0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double normed = (static_cast<double>(in[i]) - mean) * scale;
    const double value = normed * (plus + static_cast<double>(norm.weight[i]));
    out[i] = static_cast<float>(layer ? value + static_cast<double>(norm.bias[i]) : value);
  }
}

void activate(Activation activation, std::span<float> values) {
  withActivation(activation, [&](const auto& function) {
    for (float& value : values) value = function(value);
  });
}

void activateGated(Activation activation, std::span<const float> gate, std::span<const float> up,
                   std::span<float> out) {
  withActivation(activation, [&](const auto& function) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = function(gate[i]) * up[i];
  });
}

void softCap(double cap, std::span<float> values) {
  const auto limit = static_cast<float>(cap);
  for (float& value : values) value = limit * std::tanh(value / limit);
}

void softmax(std::span<float> scores, float scale, double cap) {
  for (float& score : scores) score *= scale;
  if (cap > 0) softCap(cap, scores);
  float largest = scores.front();
  for (const float score : scores) largest = std::max(largest, score);
  for (float& score : scores) score = fastExp(score - largest);
  const auto factor = static_cast<float>(1.0 / sumOf(scores));
  for (float& score : scores) score *= factor;
}

}  // namespace qs
