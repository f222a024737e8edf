#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <tbb/cache_aligned_allocator.h>

#include "core/kernels/matmul.h"
#include "core/tensor/matrix.h"

namespace qs {

/// A row-major matrix of float, as training computes, or of double, as gradients are checked. A vector is one row.
template <typename T>
class RealMatrix {
 public:
  RealMatrix() = default;
  RealMatrix(std::size_t rows, std::size_t cols) : m_values(rows * cols), m_rows(rows), m_cols(cols) {}

  [[nodiscard]] std::size_t rows() const { return m_rows; }
  [[nodiscard]] std::size_t cols() const { return m_cols; }
  [[nodiscard]] bool empty() const { return m_values.empty(); }
  [[nodiscard]] std::span<const T> values() const { return m_values; }
  [[nodiscard]] std::span<T> values() { return m_values; }
  [[nodiscard]] std::span<const T> row(std::size_t r) const { return values().subspan(r * m_cols, m_cols); }
  [[nodiscard]] std::span<T> row(std::size_t r) { return values().subspan(r * m_cols, m_cols); }
  [[nodiscard]] BasicMatrixView<const T> view() const { return {m_values.data(), m_rows, m_cols}; }
  [[nodiscard]] BasicMatrixView<T> span() { return {m_values.data(), m_rows, m_cols}; }
  bool operator==(const RealMatrix&) const = default;

 private:
  // A step makes and drops hundreds of megabytes: this allocator keeps the pages for the next one.
  std::vector<T, tbb::cache_aligned_allocator<T>> m_values;
  std::size_t m_rows = 0;
  std::size_t m_cols = 0;
};

/// Tensors, or gradients of tensors, by their names in the checkpoint. Linears are [out, in].
template <typename T>
using TensorMap = std::map<std::string, RealMatrix<T>>;

/// Rows first..first+count-1, columns firstCol..firstCol+cols-1 of a matrix, for the products.
template <typename T>
[[nodiscard]] Block<T> blockOf(BasicMatrixView<T> matrix, std::size_t first, std::size_t count, std::size_t firstCol,
                               std::size_t cols) {
  return {matrix.data + first * matrix.cols + firstCol, count, cols, matrix.cols};
}

}  // namespace qs
