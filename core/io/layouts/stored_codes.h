#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor/quantized_tensor.h"

namespace qs {

/// The codes of one row as unsigned fields: signed codes plus 2^(b−1) (offset binary).
void unsignedRow(const QuantizedTensor& tensor, std::size_t row, std::span<std::uint8_t> out);

/// The zero points as unsigned fields [rows, groups]: 2^(b−1) everywhere when symmetric.
[[nodiscard]] std::vector<std::uint8_t> unsignedZeroPoints(const QuantizedTensor& tensor);

/// [rows, groups] → [groups, rows].
template <typename T>
[[nodiscard]] std::vector<T> transposed(std::span<const T> values, std::size_t rows, std::size_t cols) {
  std::vector<T> out(values.size());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) out[c * rows + r] = values[r * cols + c];
  return out;
}

/// Scales with one entry a row and group, also where the tensor has a single one.
[[nodiscard]] std::vector<float> scalesPerGroup(const QuantizedTensor& tensor);

}  // namespace qs
