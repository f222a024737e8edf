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
  static constexpr std::size_t kFirstPool = 4;

  struct Level {
    std::size_t pool = kFirstPool;  ///< values per cell and side
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::vector<float> values;  ///< [rows, cols]
  };

  AbsMaxPyramid() = default;
  /// Of a matrix [rows, cols] whose rows are added later.
  AbsMaxPyramid(std::size_t rows, std::size_t cols);
  AbsMaxPyramid(MatrixView matrix, const RunContext& context);

  /// Pools the rows from `firstRow` on, a multiple of 4, into level 0; of `values` − `minus` where there is one, which
  /// is never stored. A multiple of 4 rows unless they are the last. Several threads may add different rows.
  void addRows(std::size_t firstRow, MatrixView values, MatrixView minus = {});
  /// Makes the other levels once all rows are added.
  void finish(const RunContext& context);

  [[nodiscard]] bool empty() const { return m_levels.empty(); }
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
