#pragma once

#include <memory>

#include "core/session/audit/tensor_pairs.h"
#include "core/session/audit/tensor_rows.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// Both tensors of a pair, ready to be compared: linears as [out, in].
struct OpenedPair {
  TensorRows original;
  TensorRows decoded;
  std::shared_ptr<const QuantizedTensor> codes;  ///< null where the format's codes aren't at hand
};

/// Opens a pair of the same shape (or of turned shapes, as GPT-2's linears have). The pair's tensors have to outlive
/// it. Throws Error (Input) where the stored components don't fit together.
[[nodiscard]] OpenedPair openPair(const Checkpoint& original, const TensorPair& pair, const RunContext& context);

/// Whether openPair() can compare the shapes.
[[nodiscard]] bool hasComparableShapes(const Checkpoint& original, const TensorPair& pair);

/// Lets go of what both tensors hold in memory.
void release(const TensorPair& pair);

}  // namespace qs
