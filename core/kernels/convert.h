#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/tensor/dtype.h"

namespace qs {

/// Widens stored elements to F32, each as the scalar conversion of core/tensor/half does, to the bit. `bytes` holds
/// exactly out.size() elements and may be misaligned for its type; the type is `convertible` and no block type.
/// Integers beyond 2^24 and F64 round to the nearest even. Single-threaded: callers tile. Vector kernels for F16, BF16
/// and F32.
void widenToFloat(DType type, std::span<const std::byte> bytes, std::span<float> out);

/// Round to nearest even into F16 or BF16: overflow gives infinity, NaN stays NaN. The spans have equal lengths.
void narrowToHalf(std::span<const float> values, std::span<std::uint16_t> out);
void narrowToBfloat16(std::span<const float> values, std::span<std::uint16_t> out);

}  // namespace qs
