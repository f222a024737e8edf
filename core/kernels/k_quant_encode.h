#pragma once

#include <cstdint>

namespace qs {

inline constexpr int kSuperBlock = 256;

/// Encoders of one super-block of 256 values. `importance` is null or 256 weights; `out` has the type's bytes.
void encodeQ2K(const float* values, const float* importance, std::uint8_t* out);
void encodeQ3K(const float* values, const float* importance, std::uint8_t* out);
void encodeQ4K(const float* values, const float* importance, std::uint8_t* out);
void encodeQ5K(const float* values, const float* importance, std::uint8_t* out);
void encodeQ6K(const float* values, const float* importance, std::uint8_t* out);

}  // namespace qs
