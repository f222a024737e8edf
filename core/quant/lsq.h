#pragma once

#include <span>

#include "core/tensor/quant_scheme.h"

namespace qs {

// Learned step size quantization (LSQ, arXiv 1902.08153; LSQ+, 2004.09576) of one unit of weights that share a step:
// LSQ (arXiv 1902.08153). Symmetric, or asymmetric with an integer zero point that is learned straight through.

/// What a unit's forward pass rounds with.
struct LsqUnit {
  float step = 1;
  float zero = 0;  ///< whole; 0 when symmetric
  float low = 0;   ///< smallest and largest code
  float high = 0;
};

/// Codes (as kept in QuantizedTensor) and ŵ − reference of latent weights; all spans have the same length.
void lsqForward(std::span<const float> latent, std::span<const float> reference, LsqUnit unit,
                std::span<std::uint8_t> codes, std::span<float> changes);

struct LsqGradients {
  double step = 0;  ///< ∂L/∂s, s reached through the rounding
  double zero = 0;  ///< ∂L/∂z̃
};

/// From G = ∂L/∂Ŵ of a unit: the gradients of its step and zero point. G of weights that were clipped becomes 0: what
/// is left is ∂L/∂w.
LsqGradients lsqBackward(std::span<const float> latent, LsqUnit unit, bool symmetric, std::span<float> gradient);
LsqGradients lsqBackward(std::span<const double> latent, LsqUnit unit, bool symmetric, std::span<double> gradient);

/// Adam with bias correction (0.9, 0.999, 1e-8).
struct AdamStep {
  float rate = 0;                                           ///< this step's learning rate
  float correction1 = 1;                                    ///< 1 / (1 − 0.9^t)
  float correction2 = 1;                                    ///< 1 / (1 − 0.999^t)
  [[nodiscard]] static AdamStep at(int step, double rate);  ///< step counts from 1
};
void adamUpdate(AdamStep step, std::span<const float> gradient, std::span<float> first, std::span<float> second,
                std::span<float> parameter);

}  // namespace qs
