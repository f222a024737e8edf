#include "core/kernels/stored_rows.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <optional>

#include <hwy/aligned_allocator.h>

#include "core/kernels/convert.h"

namespace qs {

namespace {

// The columns' ranges while they grow: on whole cache lines, and the two never a multiple of a page apart.
class ColumnRanges {
 public:
  explicit ColumnRanges(std::size_t cols)
      : m_cols(cols),
        m_spacing((cols + kLine - 1) / kLine * kLine + kApart),
        m_values(hwy::AllocateAligned<float>(m_spacing + cols)) {
    std::fill_n(low(), cols, ValueSpan().low);
    std::fill_n(high(), cols, ValueSpan().high);
  }
  [[nodiscard]] float* low() { return m_values.get(); }
  [[nodiscard]] float* high() { return m_values.get() + m_spacing; }
  void copyTo(RowStatistics& statistics) {
    statistics.columnLow.assign(low(), low() + m_cols);
    statistics.columnHigh.assign(high(), high() + m_cols);
  }

 private:
  static constexpr std::size_t kLine = 16;
  static constexpr std::size_t kApart = 32 * kLine;

  std::size_t m_cols;
  std::size_t m_spacing;
  hwy::AlignedFreeUniquePtr<float[]> m_values;
};

// A row in F32: where it stands, or widened into `buffer`.
const float* widened(StoredRows row, std::vector<float>& buffer) {
  if (row.type == DType::F32 && reinterpret_cast<std::uintptr_t>(row.bytes) % alignof(float) == 0)
    return reinterpret_cast<const float*>(row.bytes);
  buffer.resize(row.cols);
  widenToFloat(row.type, {row.bytes, *byteSize(row.type, row.cols)}, buffer);
  return buffer.data();
}

}  // namespace

RowStatistics describeRows(StoredRows rows, bool columns, std::size_t groupLength, std::span<ValueSpan> groups) {
  assert(StoredRows::holds(rows.type) && (groups.empty() || groupLength > 0));
  RowStatistics statistics;
  if (rows.rows == 0 || rows.cols == 0) return statistics;
  std::optional<ColumnRanges> columnRanges;
  if (columns) columnRanges.emplace(rows.cols);
  const std::size_t length = groups.empty() ? rows.cols : groupLength;
  const std::size_t perRow = (rows.cols + length - 1) / length;
  std::vector<ValueSpan> ranges(perRow);
  std::vector<float> buffer;
  simd::PowerLanes sums;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    ValueSpan* found = groups.empty() ? ranges.data() : &groups[r * perRow];
    simd::describeRow(widened(rows.middle(r, 1), buffer), rows.cols, length, found, sums,
                      columns ? columnRanges->low() : nullptr, columns ? columnRanges->high() : nullptr);
    for (std::size_t g = 0; g < perRow; ++g)
      statistics.range = {std::min(statistics.range.low, found[g].low), std::max(statistics.range.high, found[g].high)};
  }
  if (columns) columnRanges->copyTo(statistics);
  statistics.sums = sums.total();
  return statistics;
}

}  // namespace qs
