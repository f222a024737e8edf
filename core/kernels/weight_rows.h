#pragma once

#include <cassert>
#include <cstddef>

#include "core/kernels/stored_rows.h"
#include "core/tensor/matrix.h"

namespace qs {

/// A layer's weights [out, in] by rows: a matrix's, or stored ones that are widened a few rows at a time, so that the
/// layer is never in memory as F32. Refers to what it is made from.
class WeightRows {
 public:
  WeightRows() = default;
  WeightRows(MatrixView values)  // NOLINT(google-explicit-constructor)
      : m_stored{DType::F32, reinterpret_cast<const std::byte*>(values.data), values.rows, values.cols},
        m_isMatrix(true) {}
  explicit WeightRows(StoredRows stored) : m_stored(stored) {}

  [[nodiscard]] std::size_t rows() const { return m_stored.rows; }
  [[nodiscard]] std::size_t cols() const { return m_stored.cols; }
  [[nodiscard]] const StoredRows& stored() const { return m_stored; }
  /// Of a matrix only.
  [[nodiscard]] MatrixView view() const {
    assert(m_isMatrix);
    return {reinterpret_cast<const float*>(m_stored.bytes), m_stored.rows, m_stored.cols};
  }
  /// Rows first..first+count-1; valid until `buffer` changes.
  [[nodiscard]] MatrixView middleRows(std::size_t first, std::size_t count, Matrix::Values& buffer) const;
  /// A part of them; valid until `buffer` changes.
  [[nodiscard]] MatrixView block(const MatrixBlock& part, Matrix::Values& buffer) const;

 private:
  StoredRows m_stored;
  bool m_isMatrix = false;
};

}  // namespace qs
