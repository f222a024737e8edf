#pragma once

#include <cstddef>
#include <cstdint>

#include "core/train/fake_quantizer.h"
#include "core/train/passes/head_pass.h"

namespace qs {

/// How a model is trained behind its quantization. Rates are relative: of weights and steps in units of the first step
/// size of their unit, of norms in units of the norm's own first values.
struct TrainingOptions {
  int steps = 250;
  std::size_t batch = 8;  ///< windows a step
  double weightRate = 0.005;
  double stepRate = 0.01;
  double vectorRate = 0.01;
  double weightDecay = 0;
  double clip = 1.0;  ///< largest length of the gradient; 0 = no clipping
  int warmUp = 20;
  LossMix mix;
  TrainedParts parts;
  std::uint64_t seed = 0;
  std::size_t keepBytes = std::size_t{1} << 30U;  ///< activations kept for the backward pass; no effect on results
};

}  // namespace qs
