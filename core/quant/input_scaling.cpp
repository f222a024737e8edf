#include "core/quant/input_scaling.h"

#include <algorithm>

#include "core/quant/layer_loop.h"
#include "core/quant/row_tiles.h"

namespace qs {

Matrix scaledWeights(MatrixView weights, std::span<const float> inputScale, const RunContext& context) {
  Matrix scaled(weights.rows, weights.cols);
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t r = rows.first; r < rows.last; ++r)
      for (std::size_t c = 0; c < weights.cols; ++c) scaled(r, c) = weights(r, c) * inputScale[c];
  });
  return scaled;
}

const ActivationStats& sharedActivations(std::span<const LayerTask> tasks) {
  for (const LayerTask& task : tasks) static_cast<void>(requireActivations(task));
  return *tasks.front().activations;
}

bool mayScaleInputs(std::span<const LayerTask> tasks) {
  return std::all_of(tasks.begin(), tasks.end(), [](const LayerTask& task) { return task.mayScaleInput; });
}

std::vector<LayerOutcome> failEach(std::span<const LayerTask> tasks, const std::string& error,
                                   const RunContext& context) {
  std::vector<LayerOutcome> outcomes;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    outcomes.push_back({.error = error});
    context.advance(1.0);
  }
  return outcomes;
}

}  // namespace qs
