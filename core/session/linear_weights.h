#pragma once

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/tensor/matrix.h"

namespace qs {

/// Whether a linear's weights are stored [in, out], as GPT-2's Conv1D stores them. Everywhere else in the program they
/// are [out, in].
[[nodiscard]] bool isStoredTransposed(const Checkpoint& model, const TensorInfo& tensor);
/// The shape [out, in] of a layer.
[[nodiscard]] Shape linearShape(const Checkpoint& model, const TensorInfo& tensor);
/// A layer's weights [out, in] as F32, read in parallel; the mapped pages are released. Throws Error (Input) naming
/// file, tensor and index for NaN and infinity, and for a tensor that isn't a matrix; Cancelled.
[[nodiscard]] Matrix loadLinear(const Checkpoint& model, const CheckpointTensor& tensor, const RunContext& context);
/// The transposed matrix: what a tensor of isStoredTransposed() stores.
[[nodiscard]] Matrix transposed(MatrixView matrix);

}  // namespace qs
