#pragma once

#include <cstddef>
#include <span>

#include "core/tensor/dtype.h"

namespace qs {

/// Whether encodeBlocks makes this type: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, MXFP4, Q2_K to Q6_K.
[[nodiscard]] bool canEncodeBlocks(DType type);

/// Encodes rows of F32 values as whole blocks of a GGUF type (ggml's quants). values.size() is a multiple of the
/// block; `out` has exactly the bytes of the blocks. Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and MXFP4 are made as the reference
/// encoders make them, byte for byte; IQ4_NL and the K types search their scales for the least weighted squared error.
/// `importance` (one weight ≥ 0 a value, e.g. the mean square of its input) or empty for the type's own weighting; the
/// types with a fixed recipe ignore it.
void encodeBlocks(DType type, std::span<const float> values, std::span<const float> importance,
                  std::span<std::byte> out);

}  // namespace qs
