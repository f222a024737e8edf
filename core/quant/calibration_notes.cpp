#include "core/quant/calibration_notes.h"

#include <cmath>

#include "core/base/error.h"
#include "core/quant/layer_loop.h"

namespace qs {

std::optional<std::string> tooFewTokensNote(const ActivationStats& activations) {
  if (activations.tokens >= activations.channels) return std::nullopt;
  return "only " + std::to_string(activations.tokens) + " calibration tokens for " +
         std::to_string(activations.channels) + " inputs: at least " +
         std::to_string(kAdvisableTokensPerInput * activations.channels) + " are advisable";
}

const ActivationStats& requireGram(const LayerTask& task) {
  const ActivationStats& activations = requireActivations(task);
  const std::size_t channels = activations.channels;
  if (activations.gram.size() != channels * channels)
    throw requestError(task.name, "this method needs the Gram matrix of the calibration inputs, which wasn't gathered");
  double trace = 0;
  for (std::size_t i = 0; i < channels; ++i) trace += activations.gram[i * channels + i];
  if (trace == 0.0) throw inputError(task.name, "the calibration inputs are all zero");
  for (std::size_t i = 0; i < channels; ++i)
    if (!std::isfinite(activations.gram[i * channels + i]))
      throw inputError(task.name, "calibration inputs: the sum of squares of channel " + std::to_string(i) +
                                      " is not finite; its values are too large");
  return activations;
}

}  // namespace qs
