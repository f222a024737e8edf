#pragma once

#include <optional>

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/kernels/stored_rows.h"
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
/// A layer's weights [out, in] where they are stored so: plain F16, BF16 or F32. Nothing has been read, and nothing
/// checked.
[[nodiscard]] std::optional<StoredRows> storedLinear(const Checkpoint& model, const CheckpointTensor& tensor);
/// Throws Error (Input) as loadLinear does for the first NaN or infinity in the weights of a tensor.
void requireFinite(const CheckpointTensor& tensor, const StoredRows& weights);
/// The transposed matrix: what a tensor of isStoredTransposed() stores.
[[nodiscard]] Matrix transposed(MatrixView matrix);

}  // namespace qs
