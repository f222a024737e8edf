#pragma once

#include <cstddef>
#include <span>

#include "core/tensor/matrix.h"

namespace qs {

/// Quartiles and medians of each column, by linear interpolation between order statistics.
struct ColumnQuartiles {
  std::span<float> lower;   ///< [cols]
  std::span<float> median;  ///< [cols]
  std::span<float> upper;   ///< [cols]
};

/// Of columns firstCol..lastCol-1 over the rows 0, stride, 2·stride … of the matrix. Writes those columns only.
void columnQuartiles(MatrixView matrix, std::size_t stride, std::size_t firstCol, std::size_t lastCol,
                     const ColumnQuartiles& out);

}  // namespace qs
