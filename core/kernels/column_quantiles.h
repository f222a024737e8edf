#pragma once

#include <cstddef>
#include <span>

#include "core/kernels/stored_rows.h"

namespace qs {

/// Quartiles and medians of each column, by linear interpolation between order statistics.
struct ColumnQuartiles {
  std::span<float> lower;   ///< [cols]
  std::span<float> median;  ///< [cols]
  std::span<float> upper;   ///< [cols]
};

/// Of columns firstCol..lastCol-1 over the rows 0, stride, 2·stride …; finite values. Writes those columns only. Values
/// of 16 bits are sorted as such: the same numbers in half the time.
void columnQuartiles(const StoredRows& weights, std::size_t stride, std::size_t firstCol, std::size_t lastCol,
                     const ColumnQuartiles& out);

}  // namespace qs
