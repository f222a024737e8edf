#pragma once

#include <cstddef>
#include <vector>

#include "core/base/run_context.h"
#include "core/tensor/matrix.h"

namespace qs {

/// Max-pooled levels of a matrix's magnitudes for drawing it at any zoom with single outliers visible. Level 0 pools
/// 4×4 values, each further level 2×2 of the one before. Signed: each cell keeps the value of largest magnitude.
class AbsMaxPyramid {
 public:
  struct Level {
    std::size_t pool = 4;  ///< values per cell and side
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::vector<float> values;  ///< [rows, cols]
  };

  AbsMaxPyramid() = default;
  AbsMaxPyramid(MatrixView matrix, const RunContext& context);
  /// Of `matrix` − `minus`, which have the same shape; the difference itself is never stored.
  AbsMaxPyramid(MatrixView matrix, MatrixView minus, const RunContext& context);

  [[nodiscard]] std::size_t rows() const { return m_rows; }  ///< of the matrix
  [[nodiscard]] std::size_t cols() const { return m_cols; }
  [[nodiscard]] const std::vector<Level>& levels() const { return m_levels; }
  [[nodiscard]] float largestMagnitude() const { return m_largest; }

 private:
  std::size_t m_rows = 0;
  std::size_t m_cols = 0;
  float m_largest = 0;
  std::vector<Level> m_levels;
};

}  // namespace qs
