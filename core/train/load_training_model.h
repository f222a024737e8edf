#pragma once

#include <optional>

#include "core/model/runner/weight_provider.h"
#include "core/train/training_model.h"

namespace qs {

/// Which of a model's tensors to load.
struct LoadedParts {
  bool embedding = true;             ///< tables, and the projection behind them
  bool head = true;                  ///< final norm, output projection, head
  std::optional<std::size_t> block;  ///< only this block; otherwise all
  bool blocks = true;
};

/// The tensors in memory, from wherever `weights` has them. `spec` must outlive the model.
template <typename T>
[[nodiscard]] TrainingModel<T> loadTrainingModel(const ArchitectureSpec& spec, const WeightProvider& weights,
                                                 const LoadedParts& parts, const RunContext& context);

/// Names of the 1-D tensors of a block (norms and biases), in order.
[[nodiscard]] std::vector<std::string> vectorsOfBlock(const BlockSpec& block);

}  // namespace qs
