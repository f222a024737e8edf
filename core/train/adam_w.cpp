#include "core/train/adam_w.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qs {

AdamWStep AdamWStep::at(int step, double rate, double weightDecay) {
  return {.rate = static_cast<float>(rate),
          .decay = static_cast<float>(rate * weightDecay),
          .correction1 = static_cast<float>(1.0 / (1.0 - std::pow(0.9, step))),
          .correction2 = static_cast<float>(1.0 / (1.0 - std::pow(0.999, step)))};
}

void adamWUpdate(const AdamWStep& step, std::span<const float> unit, float clip, std::span<const float> gradient,
                 std::span<float> first, std::span<float> second, std::span<float> parameter) {
  constexpr float kBeta1 = 0.9F;
  constexpr float kBeta2 = 0.999F;
  constexpr float kEpsilon = 1e-8F;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const float g = gradient[i] * clip;
    first[i] = kBeta1 * first[i] + (1.0F - kBeta1) * g;
    second[i] = kBeta2 * second[i] + (1.0F - kBeta2) * (g * g);
    const float move =
        step.rate * unit[i] * (first[i] * step.correction1) / (std::sqrt(second[i] * step.correction2) + kEpsilon);
    parameter[i] -= step.decay * parameter[i] + move;
  }
}

double rateShare(int index, int steps, int warmUp) {
  if (index < warmUp) return static_cast<double>(index + 1) / warmUp;
  return 0.5 * (1.0 + std::cos(std::numbers::pi * (index - warmUp) / std::max(1, steps - warmUp)));
}

}  // namespace qs
