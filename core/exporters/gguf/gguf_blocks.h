#pragma once

#include <cstddef>
#include <vector>

#include "core/base/run_context.h"
#include "core/tensor/dtype.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// A matrix [rows, cols] as it stands in a GGUF file, and what it decodes to.
struct GgufMatrix {
  std::vector<std::byte> bytes;  ///< row after row
  Matrix values;
};

/// The layer's own codes and scales as blocks; `type` holds its scheme exactly (gguf_type_choice.h). The values come
/// from the codes.
[[nodiscard]] GgufMatrix ggufBlocksOf(const QuantizedTensor& layer, DType type, const RunContext& context);

/// Weights rounded to F16 or BF16, or by the type's encoder; `importance` [cols], or empty. The values come from the
/// bytes.
[[nodiscard]] GgufMatrix ggufRounded(Matrix weights, DType type, std::span<const float> importance,
                                     const RunContext& context);

}  // namespace qs
