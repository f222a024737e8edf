#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qs::test {

/// A safetensors file as bytes, made without our writer: length, header as given, data.
[[nodiscard]] std::string safetensorsBytes(std::string_view header, std::string_view data);
/// The same with a length that may lie.
[[nodiscard]] std::string safetensorsBytes(std::uint64_t length, std::string_view header, std::string_view data);

/// The bytes of a value in this machine's order.
template <typename T>
[[nodiscard]] std::string bytesOf(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

}  // namespace qs::test
