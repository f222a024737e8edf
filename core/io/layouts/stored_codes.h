#pragma once

#include <algorithm>
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
  constexpr std::size_t kBlock = 64;  // both sides of a block stay in the cache
  std::vector<T> out(values.size());
  for (std::size_t r0 = 0; r0 < rows; r0 += kBlock)
    for (std::size_t c0 = 0; c0 < cols; c0 += kBlock)
      for (std::size_t r = r0; r < std::min(r0 + kBlock, rows); ++r)
        for (std::size_t c = c0; c < std::min(c0 + kBlock, cols); ++c) out[c * rows + r] = values[r * cols + c];
  return out;
}

/// Scales with one entry a row and group, also where the tensor has a single one.
[[nodiscard]] std::vector<float> scalesPerGroup(const QuantizedTensor& tensor);

}  // namespace qs
