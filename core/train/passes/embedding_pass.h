#pragma once

#include <span>

#include "core/base/run_context.h"
#include "core/train/training_model.h"

namespace qs {

/// Hidden states [ids, hidden] before the first block, for whole windows of `windowLength` ids.
template <typename T>
[[nodiscard]] RealMatrix<T> embedForward(const TrainingModel<T>& model, std::span<const int> ids,
                                         std::size_t windowLength, const RunContext& context);

/// Adds the gradients of the tables and of the projection behind them to those entries that exist.
template <typename T>
void embedBackward(const TrainingModel<T>& model, std::span<const int> ids, std::size_t windowLength,
                   const RealMatrix<T>& gradient, TensorMap<T>& gradients, const RunContext& context);

}  // namespace qs
