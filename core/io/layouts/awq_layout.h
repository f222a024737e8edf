#pragma once

#include <string>

#include "core/io/layouts/packed_tensor.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// qweight, qzeros (both packed along the outputs, nibbles interleaved) and scales (F16) of an AWQ GEMM layer:
/// 4 bits, cols a multiple of the group, rows of 8. Throws Error (Failed) naming the layer otherwise.
[[nodiscard]] PackedTensors packAwq(const QuantizedTensor& tensor, const std::string& layer);

/// The layer that the components hold. Throws Error (Input) naming layer and component.
[[nodiscard]] QuantizedTensor unpackAwq(const PackedTensors& parts, std::int64_t groupSize, const std::string& layer);

/// The same for the GEMV layout: everything packed along the inputs in natural order, zero points and scales of a row
/// padded to whole words.
[[nodiscard]] QuantizedTensor unpackAwqGemv(const PackedTensors& parts, std::int64_t groupSize,
                                            const std::string& layer);

}  // namespace qs
