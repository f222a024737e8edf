#include "tests/support/safetensors_bytes.h"

namespace qs::test {

std::string safetensorsBytes(std::uint64_t length, std::string_view header, std::string_view data) {
  return bytesOf(length).append(header).append(data);
}

std::string safetensorsBytes(std::string_view header, std::string_view data) {
  return safetensorsBytes(header.size(), header, data);
}

}  // namespace qs::test
