#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor/matrix.h"

namespace qs {

/// Keeps rows of a stream of unknown length: all of them while they are at most `capacity`, else every 2nd, 4th, 8th …
/// (between capacity/2 and capacity rows, evenly spaced from the first on).
class RowSample {
 public:
  RowSample(std::size_t cols, std::size_t capacity) : m_cols(cols), m_capacity(capacity) {}

  void add(std::span<const float> row);
  [[nodiscard]] bool isWhole() const { return m_stride == 1; }
  /// The rows kept; leaves the sample empty.
  [[nodiscard]] Matrix take();

 private:
  void halve();

  std::size_t m_cols;
  std::size_t m_capacity;
  std::uint64_t m_seen = 0;
  std::uint64_t m_stride = 1;
  Matrix::Values m_values;
};

}  // namespace qs
