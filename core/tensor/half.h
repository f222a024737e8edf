#pragma once

#include <bit>
#include <cstdint>

namespace qs {

// Scalar conversions of the small floating-point formats (round to nearest even; IEEE 754, OCP's 8-bit formats). The
// bulk conversions are in core/kernels/convert.

[[nodiscard]] float halfToFloat(std::uint16_t bits);
/// Overflow gives infinity; subnormals are rounded exactly; NaN stays NaN.
[[nodiscard]] std::uint16_t floatToHalf(float value);
[[nodiscard]] inline float bfloat16ToFloat(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}
[[nodiscard]] std::uint16_t floatToBfloat16(float value);

/// A float format of one byte or less.
struct MiniFloat {
  int exponentBits;
  int mantissaBits;
  int bias;
  bool hasInfinity;   ///< the largest exponent means infinity and NaN
  bool unsignedZero;  ///< "FNUZ": the code of −0 is the only NaN
  float largest;      ///< largest finite value
};
inline constexpr MiniFloat kE4M3{4, 3, 7, false, false, 448.0F};
inline constexpr MiniFloat kE5M2{5, 2, 15, true, false, 57344.0F};
inline constexpr MiniFloat kE4M3FNUZ{4, 3, 8, false, true, 240.0F};
inline constexpr MiniFloat kE5M2FNUZ{5, 2, 16, false, true, 57344.0F};
inline constexpr MiniFloat kE2M1{2, 1, 1, false, false, 6.0F};

[[nodiscard]] float miniFloatToFloat(const MiniFloat& format, std::uint8_t code);
/// Round to nearest even, saturating at the largest finite value; NaN gives a NaN code where the format has one, else
/// 0.
[[nodiscard]] std::uint8_t floatToMiniFloat(const MiniFloat& format, float value);

/// Power-of-two scale of the OCP MX formats: 2^(code−127); 255 is NaN.
[[nodiscard]] float e8m0ToFloat(std::uint8_t code);

}  // namespace qs
