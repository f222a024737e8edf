#include "core/quant/layer_loop.h"

#include "core/base/error.h"

namespace qs {

std::vector<LayerOutcome> quantizeEach(std::span<const LayerTask> tasks, const RunContext& context,
                                       const std::function<LayerOutcome(const LayerTask&)>& quantizeLayer,
                                       double ownProgress) {
  std::vector<LayerOutcome> outcomes;
  for (const LayerTask& task : tasks) {
    context.throwIfStopped();
    LayerOutcome outcome;
    try {
      outcome = quantizeLayer(task);
    } catch (const Error& error) {
      outcome = {.error = error.what()};
    }
    outcomes.push_back(std::move(outcome));
    context.advance(1.0 - ownProgress);
  }
  return outcomes;
}

const ActivationStats& requireActivations(const LayerTask& task) {
  if (task.activations == nullptr || task.activations->tokens == 0)
    throw requestError(task.name, "this method needs calibration inputs, and the layer has none");
  if (task.activations->channels != task.weights.cols())
    throw inputError(task.name, "calibration inputs: expected " + std::to_string(task.weights.cols()) +
                                    " channels, got " + std::to_string(task.activations->channels));
  return *task.activations;
}

}  // namespace qs
