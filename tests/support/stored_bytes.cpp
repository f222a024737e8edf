#include "tests/support/stored_bytes.h"

#include <cstdint>
#include <cstring>

#include "core/kernels/convert.h"

namespace qs::test {

std::vector<std::byte> storedBytes(const Matrix& matrix, DType type) {
  const std::span<const float> values = matrix.values();
  std::vector<std::uint16_t> halves(type == DType::F32 ? 0 : values.size());
  if (type == DType::F16) narrowToHalf(values, halves);
  if (type == DType::BF16) narrowToBfloat16(values, halves);
  const auto bytes = type == DType::F32 ? std::as_bytes(values) : std::as_bytes(std::span<const std::uint16_t>(halves));
  std::vector<std::byte> stored(1 + bytes.size());
  std::memcpy(&stored[1], bytes.data(), bytes.size());
  return stored;
}

}  // namespace qs::test
