#pragma once

#include <span>

#include "core/base/run_context.h"
#include "core/train/passes/head_pass.h"
#include "core/train/training_model.h"

namespace qs {

/// Windows of text as a pass reads them.
struct PassInput {
  std::span<const int> ids;      ///< [windows · windowLength]
  std::span<const int> targets;  ///< as ids; −1 = not predicted
  std::size_t windowLength = 0;
};

/// Mean loss over the predicted positions; forward only.
template <typename T>
[[nodiscard]] double modelLoss(const TrainingModel<T>& model, const PassInput& input, const TeacherRows<T>& teacher,
                               LossMix mix, const RunContext& context);

/// The same, and the gradients of those tensors that `gradients` has entries for (they are set, not added to). Keeps
/// the inputs of every block; what else a block's backward pass needs is kept while it is below `keepBytes` in all, and
/// computed anew for the other blocks (activation checkpointing). The result doesn't depend on `keepBytes`.
template <typename T>
[[nodiscard]] double modelGradients(const TrainingModel<T>& model, const PassInput& input,
                                    const TeacherRows<T>& teacher, LossMix mix, std::size_t keepBytes,
                                    TensorMap<T>& gradients, const RunContext& context);

/// What a block's record takes for one row, in values.
[[nodiscard]] std::size_t recordValuesPerRow(const ArchitectureSpec& spec);

}  // namespace qs
