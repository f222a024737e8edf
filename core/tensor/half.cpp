#include "core/tensor/half.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qs {

float halfToFloat(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16U;
  const std::uint32_t exponent = (bits >> 10U) & 0x1FU;
  const std::uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 0x1F ? 0xFFU : exponent + 112U;
  return std::bit_cast<float>(sign | (wide << 23U) | (mantissa << 13U));
}

std::uint16_t floatToHalf(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16U) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // 65520 and above round to infinity
  if (magnitude < 0x38800000U) {  // subnormal: the sum below rounds to multiples of 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
  }
  const std::uint32_t odd = (magnitude >> 13U) & 1U;
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xFFFU + odd) >> 13U));
}

std::uint16_t floatToBfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

float miniFloatToFloat(const MiniFloat& format, std::uint8_t code) {
  const int bits = 1 + format.exponentBits + format.mantissaBits;
  const auto signBit = 1U << static_cast<unsigned>(bits - 1);
  const unsigned magnitude = code & (signBit - 1U);
  const bool negative = (code & signBit) != 0;
  if (format.unsignedZero && negative && magnitude == 0) return std::numeric_limits<float>::quiet_NaN();
  const auto mantissaMask = (1U << static_cast<unsigned>(format.mantissaBits)) - 1U;
  const auto exponent = static_cast<int>(magnitude >> static_cast<unsigned>(format.mantissaBits));
  const auto mantissa = static_cast<int>(magnitude & mantissaMask);
  const int topExponent = (1 << format.exponentBits) - 1;
  if (format.hasInfinity && exponent == topExponent) {
    const float special =
        mantissa == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
    return negative ? -special : special;
  }
  const bool isE4M3 = bits == 8 && !format.hasInfinity && !format.unsignedZero;
  if (isE4M3 && magnitude == 0x7FU) return std::numeric_limits<float>::quiet_NaN();
  const int significand = exponent == 0 ? mantissa : mantissa + (1 << format.mantissaBits);
  const int power = (exponent == 0 ? 1 : exponent) - format.bias - format.mantissaBits;
  const float value = std::ldexp(static_cast<float>(significand), power);
  return negative ? -value : value;
}

std::uint8_t floatToMiniFloat(const MiniFloat& format, float value) {
  const int bits = 1 + format.exponentBits + format.mantissaBits;
  const auto signBit = static_cast<std::uint8_t>(1U << static_cast<unsigned>(bits - 1));
  if (std::isnan(value)) {
    if (format.unsignedZero) return signBit;
    return bits == 8 ? std::uint8_t{0x7F} : std::uint8_t{0};
  }
  const float magnitude = std::min(std::fabs(value), format.largest);
  int power = 1 - format.bias;
  if (magnitude > 0) std::frexp(magnitude, &power);
  const int exponent = std::max(power - 1, 1 - format.bias);  // of the result's unit interval
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, format.mantissaBits - exponent)));
  // `steps` counts mantissa units above the exponent's own subnormal base, so a carry moves to the next exponent by
  // itself.
  const int code = ((exponent + format.bias - 1) << format.mantissaBits) + steps;
  if (code == 0 && format.unsignedZero) return 0;
  const bool negative = std::signbit(value);
  return static_cast<std::uint8_t>(static_cast<unsigned>(code) | (negative ? signBit : 0U));
}

float e8m0ToFloat(std::uint8_t code) {
  if (code == 255) return std::numeric_limits<float>::quiet_NaN();
  return std::ldexp(1.0F, static_cast<int>(code) - 127);
}

}  // namespace qs
