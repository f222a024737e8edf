#pragma once

#include <cassert>
#include <cstddef>
#include <span>
#include <utility>

#include "core/tensor/unset_vector.h"

namespace qs {

/// A row-major view of floats that somebody else owns; rows follow each other without a gap.
template <typename T>
struct BasicMatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;

  [[nodiscard]] std::span<T> row(std::size_t r) const {
    assert(r < rows);
    return {data + r * cols, cols};
  }
  [[nodiscard]] std::span<T> values() const { return {data, rows * cols}; }
  [[nodiscard]] T& operator()(std::size_t r, std::size_t c) const { return data[r * cols + c]; }
  /// Rows first..first+count-1.
  [[nodiscard]] BasicMatrixView middleRows(std::size_t first, std::size_t count) const {
    assert(first + count <= rows);
    return {data + first * cols, count, cols};
  }
  operator BasicMatrixView<const T>() const { return {data, rows, cols}; }  // NOLINT(google-explicit-constructor)
};
using MatrixView = BasicMatrixView<const float>;
using MatrixSpan = BasicMatrixView<float>;

/// Some rows and columns of a matrix.
struct MatrixBlock {
  std::size_t firstRow = 0;
  std::size_t rows = 0;
  std::size_t firstCol = 0;
  std::size_t cols = 0;
};

/// A row-major matrix of floats that owns its memory. Weights are [out_features, in_features], inputs [tokens, in].
class Matrix {
 public:
  Matrix() = default;
  using Values = UnsetVector<float>;

  /// Of zeros.
  Matrix(std::size_t rows, std::size_t cols) : Matrix(rows, cols, Values(rows * cols, 0.0F)) {}
  Matrix(std::size_t rows, std::size_t cols, Values values) : m_values(std::move(values)), m_rows(rows), m_cols(cols) {
    assert(m_values.size() == rows * cols);
  }

  /// For who sets every value at once: large matrices are not touched twice.
  [[nodiscard]] static Matrix unset(std::size_t rows, std::size_t cols) { return {rows, cols, Values(rows * cols)}; }

  [[nodiscard]] std::size_t rows() const { return m_rows; }
  [[nodiscard]] std::size_t cols() const { return m_cols; }
  [[nodiscard]] bool empty() const { return m_values.empty(); }
  [[nodiscard]] MatrixView view() const { return {m_values.data(), m_rows, m_cols}; }
  [[nodiscard]] MatrixSpan span() { return {m_values.data(), m_rows, m_cols}; }
  [[nodiscard]] std::span<const float> values() const { return m_values; }
  [[nodiscard]] std::span<float> values() { return m_values; }
  [[nodiscard]] std::span<const float> row(std::size_t r) const { return view().row(r); }
  [[nodiscard]] std::span<float> row(std::size_t r) { return span().row(r); }
  [[nodiscard]] float operator()(std::size_t r, std::size_t c) const { return m_values[r * m_cols + c]; }
  [[nodiscard]] float& operator()(std::size_t r, std::size_t c) { return m_values[r * m_cols + c]; }
  bool operator==(const Matrix&) const = default;

 private:
  Values m_values;
  std::size_t m_rows = 0;
  std::size_t m_cols = 0;
};

}  // namespace qs
