#include "core/quant/lsq.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>

namespace qs {

namespace {

constexpr float kBeta1 = 0.9F;
constexpr float kBeta2 = 0.999F;
constexpr float kEpsilon = 1e-8F;

template <typename Real>
LsqGradients backward(std::span<const Real> latent, LsqUnit unit, bool symmetric, std::span<Real> gradient) {
  // Limits of v = w/s inside which a change of w shows: the codes' range itself, or where rne(v) + z stays in it.
  const auto step = static_cast<Real>(unit.step);
  const auto low = static_cast<Real>(symmetric ? unit.low : unit.low - unit.zero);
  const auto high = static_cast<Real>(symmetric ? unit.high : unit.high - unit.zero);
  LsqGradients sums;
  for (std::size_t i = 0; i < latent.size(); ++i) {
    const Real v = latent[i] / step;
    const Real position = symmetric ? v : std::rint(v);
    const bool below = position < low;
    const bool above = position > high;
    const Real slope = below ? low : above ? high : std::rint(v) - v;
    sums.step += static_cast<double>(gradient[i] * slope);
    if (!below && !above) continue;
    sums.zero -= static_cast<double>(gradient[i] * step);
    gradient[i] = Real{0};
  }
  if (symmetric) sums.zero = 0;
  return sums;
}

}  // namespace

void lsqForward(std::span<const float> latent, std::span<const float> reference, LsqUnit unit,
                std::span<std::uint8_t> codes, std::span<float> changes) {
  assert(latent.size() == codes.size() && latent.size() == changes.size() && latent.size() == reference.size());
  for (std::size_t i = 0; i < latent.size(); ++i) {
    const float code = std::min(std::max(std::rint(latent[i] / unit.step) + unit.zero, unit.low), unit.high);
    codes[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(code));
    changes[i] = (code - unit.zero) * unit.step - reference[i];
  }
}

LsqGradients lsqBackward(std::span<const float> latent, LsqUnit unit, bool symmetric, std::span<float> gradient) {
  return backward(latent, unit, symmetric, gradient);
}
LsqGradients lsqBackward(std::span<const double> latent, LsqUnit unit, bool symmetric, std::span<double> gradient) {
  return backward(latent, unit, symmetric, gradient);
}

AdamStep AdamStep::at(int step, double rate) {
  return {.rate = static_cast<float>(rate),
          .correction1 = static_cast<float>(1.0 / (1.0 - std::pow(0.9, step))),
          .correction2 = static_cast<float>(1.0 / (1.0 - std::pow(0.999, step)))};
}

void adamUpdate(AdamStep step, std::span<const float> gradient, std::span<float> first, std::span<float> second,
                std::span<float> parameter) {
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    first[i] = kBeta1 * first[i] + (1.0F - kBeta1) * gradient[i];
    second[i] = kBeta2 * second[i] + (1.0F - kBeta2) * (gradient[i] * gradient[i]);
    parameter[i] -= step.rate * (first[i] * step.correction1) / (std::sqrt(second[i] * step.correction2) + kEpsilon);
  }
}

}  // namespace qs
