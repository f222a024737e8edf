#include "core/base/number_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace qs {

namespace {

template <typename T>
std::string shortest(T value) {
  if (!std::isfinite(value)) return "";
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

std::string formatted(double value, std::chars_format format, int precision) {
  if (!std::isfinite(value)) return std::isnan(value) ? "" : "inf";
  std::array<char, 384> buffer{};  // 309 digits before the point
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, precision);
  return {buffer.data(), result.ptr};
}

}  // namespace

std::string exactText(double value) { return shortest(value); }
std::string exactText(float value) { return shortest(value); }
std::string roundedText(double value, int digits) { return formatted(value, std::chars_format::general, digits); }
std::string fixedText(double value, int decimals) { return formatted(value, std::chars_format::fixed, decimals); }

}  // namespace qs
