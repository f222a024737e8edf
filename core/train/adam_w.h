#pragma once

#include <cstddef>
#include <span>

namespace qs {

/// One step of AdamW (arXiv 1711.05101; 0.9, 0.999, 1e-8), with bias correction.
struct AdamWStep {
  float rate = 0;   ///< learning rate of this step; multiplied with each parameter's own unit
  float decay = 0;  ///< share of the parameter that is taken off
  float correction1 = 1;
  float correction2 = 1;
  /// `step` counts from 1. `weightDecay` is decoupled: it takes off rate · weightDecay of the parameter.
  [[nodiscard]] static AdamWStep at(int step, double rate, double weightDecay);
};

/// parameter −= decay·parameter + unit·rate·m̂/(√v̂ + ε), from the gradient times `clip`; all spans have one length.
void adamWUpdate(const AdamWStep& step, std::span<const float> unit, float clip, std::span<const float> gradient,
                 std::span<float> first, std::span<float> second, std::span<float> parameter);

/// Learning rate of step `index` (from 0) of `steps`, as a share of the largest: rises over `warmUp` steps, then falls
/// as a cosine to 0.
[[nodiscard]] double rateShare(int index, int steps, int warmUp);

}  // namespace qs
