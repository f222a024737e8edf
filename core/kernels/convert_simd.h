#pragma once

#include <cstddef>
#include <cstdint>

namespace qs::simd {

// The dispatched vector kernels behind core/kernels/convert.h. `in` may be misaligned.

void halfToFloat(const std::byte* in, std::size_t count, float* out);
void bfloat16ToFloat(const std::byte* in, std::size_t count, float* out);
void floatToHalf(const float* in, std::size_t count, std::uint16_t* out);
void floatToBfloat16(const float* in, std::size_t count, std::uint16_t* out);

}  // namespace qs::simd
