#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/kernels/histogram_count.h"
#include "core/kernels/row_statistics_simd.h"
#include "core/tensor/dtype.h"

namespace qs {

/// Rows of a matrix as they are stored: F32, F16 or BF16, row-major, possibly misaligned for their type.
struct StoredRows {
  DType type = DType::F32;
  const std::byte* bytes = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;

  /// Whether it can hold values of this type.
  [[nodiscard]] static bool holds(DType type) {
    return type == DType::F32 || type == DType::F16 || type == DType::BF16;
  }
  /// Bytes of a value.
  [[nodiscard]] std::size_t width() const { return type == DType::F32 ? 4 : 2; }
  [[nodiscard]] StoredRows middle(std::size_t first, std::size_t count) const {
    return {type, bytes + first * cols * width(), count, cols};
  }
  [[nodiscard]] std::span<const std::byte> contents() const { return {bytes, rows * cols * width()}; }
  /// Some columns of one row.
  [[nodiscard]] std::span<const std::byte> columnsOf(std::size_t row, std::size_t first, std::size_t count) const {
    return {bytes + (row * cols + first) * width(), count * width()};
  }
};

/// What one pass over some rows finds.
struct RowStatistics {
  simd::PowerSums sums;
  ValueSpan range;
  std::vector<float> columnLow;   ///< [cols], empty where no columns were asked for
  std::vector<float> columnHigh;  ///< as columnLow
};

/// Range and power sums of all values (finite), each column's range with `columns`, and the range of each `groupLength`
/// values of a row (its last group may be shorter) into `groups` [rows, groups of a row], unless that is empty. The
/// numbers are the same, to the bit, whatever type the values are stored in. One thread, one pass over the memory.
[[nodiscard]] RowStatistics describeRows(StoredRows rows, bool columns, std::size_t groupLength = 0,
                                         std::span<ValueSpan> groups = {});

}  // namespace qs
