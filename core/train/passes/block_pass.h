#pragma once

#include "core/base/run_context.h"
#include "core/train/training_model.h"

namespace qs {

/// What a block's backward pass needs of its forward pass. Without `input` everything is empty.
template <typename T>
struct BlockRecord {
  RealMatrix<T> input;        ///< the residual that came in
  RealMatrix<T> normed;       ///< what attention reads; empty where that is `input`
  RealMatrix<T> rawQkv;       ///< before the heads' norms; empty without them
  RealMatrix<T> qkv;          ///< placed
  RealMatrix<T> mixed;        ///< what the attention output reads
  RealMatrix<T> attended;     ///< before a norm on what attention adds; empty without
  RealMatrix<T> afterSum;     ///< PostNorm: input + attention, before the norm
  RealMatrix<T> middle;       ///< the residual that the MLP's half starts from; empty in a parallel block
  RealMatrix<T> mlpNormed;    ///< what the MLP reads; empty where that is `middle` or `normed`
  RealMatrix<T> projected;    ///< gate and up, or up
  RealMatrix<T> activated;    ///< what down reads
  RealMatrix<T> mlpAdded;     ///< before a norm on what the MLP adds; empty without
  RealMatrix<T> afterMlpSum;  ///< PostNorm: middle + MLP, before the norm
};

/// Passes whole windows of `windowLength` rows through a block. `record` is filled where it isn't null.
template <typename T>
[[nodiscard]] RealMatrix<T> blockForward(const TrainingModel<T>& model, std::size_t block, RealMatrix<T> states,
                                         std::size_t windowLength, BlockRecord<T>* record, const RunContext& context);

/// ∂L/∂input from ∂L/∂output; gradients of the block's tensors are added to those entries that exist.
template <typename T>
[[nodiscard]] RealMatrix<T> blockBackward(const TrainingModel<T>& model, std::size_t block,
                                          const BlockRecord<T>& record, RealMatrix<T> outGradient,
                                          std::size_t windowLength, TensorMap<T>& gradients, const RunContext& context);

}  // namespace qs
