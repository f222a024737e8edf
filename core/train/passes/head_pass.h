#pragma once

#include <span>

#include "core/base/run_context.h"
#include "core/train/training_model.h"

namespace qs {

/// What is minimized at each predicted position: share · KL(teacher ‖ model) + (1 − share) · cross-entropy, in nats.
struct LossMix {
  double divergenceShare = 1;
  bool operator==(const LossMix&) const = default;
};

/// The teacher's rows for the same positions: what its head reads, and its head.
template <typename T>
struct TeacherRows {
  BasicMatrixView<const T> inputs;          ///< [rows, head.in]; no rows = no teacher
  const TrainingModel<T>* model = nullptr;  ///< its head's tensors are used, no others
};

template <typename T>
struct HeadResult {
  double loss = 0;  ///< sum over the predicted positions
  std::size_t predicted = 0;
  RealMatrix<T> gradient = {};  ///< ∂(mean loss)/∂states [rows, hidden]; empty unless asked for
};

/// Final norm, output projection, head and loss over the states after the last block. `targets` has a token a row, −1
/// where none is predicted. Logits exist a bounded number of rows at a time. With `gradients` the backward pass is run,
/// of the loss averaged over the predicted positions.
template <typename T>
[[nodiscard]] HeadResult<T> headPass(const TrainingModel<T>& model, RealMatrix<T> states, std::span<const int> targets,
                                     const TeacherRows<T>& teacher, LossMix mix, TensorMap<T>* gradients,
                                     const RunContext& context);

/// What the head reads: final norm and output projection.
template <typename T>
[[nodiscard]] RealMatrix<T> headInputsOf(const TrainingModel<T>& model, BasicMatrixView<const T> states,
                                         const RunContext& context);

}  // namespace qs
