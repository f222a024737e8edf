#pragma once

#include "core/base/run_context.h"
#include "core/model/architecture_spec.h"
#include "core/train/real_matrix.h"

namespace qs {

/// act(gate)·up, or act(up), of the MLP inputs' product [rows, gate up].
template <typename T>
[[nodiscard]] RealMatrix<T> activateForward(const MlpSpec& mlp, BasicMatrixView<const T> projected,
                                            const RunContext& context);

/// The gradient of `projected` from that of the activated rows.
template <typename T>
[[nodiscard]] RealMatrix<T> activateBackward(const MlpSpec& mlp, BasicMatrixView<const T> projected,
                                             BasicMatrixView<const T> outGradient, const RunContext& context);

}  // namespace qs
