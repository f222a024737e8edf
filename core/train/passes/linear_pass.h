#pragma once

#include "core/base/run_context.h"
#include "core/model/architecture_spec.h"
#include "core/train/real_matrix.h"

namespace qs {

/// A linear as training sees it.
template <typename T>
struct TrainedLinear {
  const LinearSpec& spec;
  const std::string& weight;     ///< name of its tensor
  bool quantizesInputs = false;  ///< 8-bit symmetric codes a token, straight through
};

/// out = in·Wᵀ + b; `out` may be a block of columns of a wider matrix.
template <typename T>
void linearForward(const TrainedLinear<T>& linear, const TensorMap<T>& tensors, BasicMatrixView<const T> in,
                   Block<T> out, const RunContext& context);

/// From ∂L/∂out: adds ∂L/∂in to `inGradient` (its whole is set where `first`), and the gradients of weight and bias to
/// those entries of `gradients` that exist. One task owns each tile of a result.
template <typename T>
void linearBackward(const TrainedLinear<T>& linear, const TensorMap<T>& tensors, BasicMatrixView<const T> in,
                    Block<const T> outGradient, BasicMatrixView<T> inGradient, bool first, TensorMap<T>& gradients,
                    const RunContext& context);

/// What is left of inputs [rows, in] after 8-bit symmetric quantization with one scale a row (arXiv 2208.07339).
template <typename T>
[[nodiscard]] RealMatrix<T> quantizedRows(BasicMatrixView<const T> in, const RunContext& context);

}  // namespace qs
