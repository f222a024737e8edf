#pragma once

#include <cmath>
#include <span>

#include "core/model/architecture_spec.h"
#include "core/model/runner/vector_math.h"

namespace qs {

[[nodiscard]] inline float realExp(float x) { return fastExp(x); }
[[nodiscard]] inline double realExp(double x) { return std::exp(x); }

/// scores·scale (capped) become probabilities, in place, as the runner's softmax.
template <typename T>
void realSoftmax(std::span<T> scores, T scale, double cap) {
  for (T& score : scores) score *= scale;
  if (cap > 0)
    for (T& score : scores) score = static_cast<T>(cap) * std::tanh(score / static_cast<T>(cap));
  T largest = scores.front();
  for (const T score : scores) largest = std::max(largest, score);
  for (T& score : scores) score = realExp(score - largest);
  double sum = 0;
  for (const T score : scores) sum += static_cast<double>(score);
  const auto factor = static_cast<T>(1.0 / sum);
  for (T& score : scores) score *= factor;
}

/// An activation's value and slope at x.
template <typename T>
struct ActivationPoint {
  T value = 0;
  T slope = 0;
};

template <typename T>
[[nodiscard]] T realSigmoid(T x) {
  return T(1) / (T(1) + realExp(-x));
}

template <typename T>
[[nodiscard]] ActivationPoint<T> geluTanhAt(T x) {
  constexpr auto kRoot = static_cast<T>(0.7978845608028654);  // √(2/π)
  constexpr auto kCubic = static_cast<T>(0.044715);
  const T t = std::tanh(kRoot * (x + kCubic * x * x * x));
  const T inner = kRoot * (T(1) + T(3) * kCubic * x * x);
  return {T(0.5) * x * (T(1) + t), T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * inner};
}

template <typename T>
[[nodiscard]] ActivationPoint<T> geluExactAt(T x) {
  constexpr auto kRootHalf = static_cast<T>(0.7071067811865476);
  constexpr auto kDensity = static_cast<T>(0.3989422804014327);  // 1/√(2π)
  const T cumulative = T(0.5) * (T(1) + std::erf(x * kRootHalf));
  return {x * cumulative, cumulative + x * kDensity * realExp(T(-0.5) * x * x)};
}

template <typename T>
[[nodiscard]] ActivationPoint<T> swishAt(T x, T steepness) {
  const T s = realSigmoid(steepness * x);
  return {x * s, s + steepness * x * s * (T(1) - s)};
}

/// Calls `visit` with the activation as a function from x to its point.
template <typename T, typename Visit>
void withActivationPoint(Activation activation, const Visit& visit) {
  switch (activation) {
    case Activation::Silu:
      return visit([](T x) { return swishAt(x, T(1)); });
    case Activation::Relu:
      return visit([](T x) { return ActivationPoint<T>{x < T(0) ? T(0) : x, x > T(0) ? T(1) : T(0)}; });
    case Activation::GeluExact:
      return visit([](T x) { return geluExactAt(x); });
    case Activation::GeluTanh:
      return visit([](T x) { return geluTanhAt(x); });
    case Activation::QuickGelu:
      return visit([](T x) { return swishAt(x, static_cast<T>(1.702)); });
  }
}

}  // namespace qs
