#include "core/kernels/stored_rows.h"

#include <algorithm>
#include <cassert>

namespace qs {

namespace {

// Rows whose columns are looked at together, while they are in the cache and the columns' ranges in registers.
constexpr std::size_t kStripRows = 8;

}  // namespace

RowStatistics describeRows(StoredRows rows, bool columns, std::size_t groupLength, std::span<ValueSpan> groups) {
  assert(StoredRows::holds(rows.type) && (groups.empty() || groupLength > 0));
  RowStatistics statistics;
  if (rows.rows == 0 || rows.cols == 0) return statistics;
  if (columns) {
    statistics.columnLow.assign(rows.cols, ValueSpan().low);
    statistics.columnHigh.assign(rows.cols, ValueSpan().high);
  }
  const std::size_t length = groups.empty() ? rows.cols : groupLength;
  const std::size_t perRow = (rows.cols + length - 1) / length;
  std::vector<ValueSpan> ranges(perRow);
  simd::PowerLanes sums;
  for (std::size_t first = 0; first < rows.rows; first += kStripRows) {
    const StoredRows strip = rows.middle(first, std::min(kStripRows, rows.rows - first));
    for (std::size_t r = 0; r < strip.rows; ++r) {
      ValueSpan* found = groups.empty() ? ranges.data() : &groups[(first + r) * perRow];
      simd::describeRow(rows.type, strip.middle(r, 1).bytes, rows.cols, length, found, sums);
      for (std::size_t g = 0; g < perRow; ++g)
        statistics.range = {std::min(statistics.range.low, found[g].low),
                            std::max(statistics.range.high, found[g].high)};
    }
    if (columns)
      simd::widenColumnRanges(rows.type, strip.bytes, strip.rows, rows.cols, statistics.columnLow.data(),
                              statistics.columnHigh.data());
  }
  statistics.sums = sums.total();
  return statistics;
}

}  // namespace qs
