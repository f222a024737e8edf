#pragma once

#include <cstddef>
#include <cstdint>

namespace qs::simd {

// The dispatched vector kernels behind core/kernels/block_encode.h: blocks of 32 finite values, the same bytes as the
// plain loops give.

inline constexpr std::size_t kBlockValues = 32;

/// The first value of largest magnitude, with its sign; 0 where all are zero.
[[nodiscard]] float blockExtreme(const float* values);
/// Nibbles min(15, trunc(x·inverse + 8.5)), value j in the low half of byte j, value j + 16 in the high one.
void blockNibbles(const float* values, float inverse, std::uint8_t* out);
/// x·inverse as I8, rounded half away from zero.
void blockBytes(const float* values, float inverse, std::uint8_t* out);

}  // namespace qs::simd
