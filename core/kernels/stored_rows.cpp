#include "core/kernels/stored_rows.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "core/kernels/convert.h"

namespace qs {

namespace {

// Rows whose columns are looked at together, while they are in the cache and the columns' ranges in registers.
constexpr std::size_t kStripRows = 8;

constexpr std::size_t kBytesAhead = std::size_t{1} << 18;

// Whether rows can be read where they stand.
bool isInPlace(StoredRows rows) {
  return rows.type == DType::F32 && reinterpret_cast<std::uintptr_t>(rows.bytes) % alignof(float) == 0;
}

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
  std::vector<float> buffer(isInPlace(rows) ? 0 : kStripRows * rows.cols);
  simd::PowerLanes sums;
  for (std::size_t first = 0; first < rows.rows; first += kStripRows) {
    const std::size_t count = std::min(kStripRows, rows.rows - first);
    const float* const strip =
        buffer.empty() ? reinterpret_cast<const float*>(rows.middle(first, count).bytes) : buffer.data();
    for (std::size_t r = 0; r < count; ++r) {
      const std::span<const std::byte> row{rows.middle(first + r, 1).bytes, *byteSize(rows.type, rows.cols)};
      if (!buffer.empty()) widenToFloat(rows.type, row, std::span(buffer).subspan(r * rows.cols, rows.cols));
      ValueSpan* found = groups.empty() ? ranges.data() : &groups[(first + r) * perRow];
      simd::describeRow(strip + r * rows.cols, rows.cols, length, found, sums,
                        {row.data() + kBytesAhead, row.size() / rows.cols});
      for (std::size_t g = 0; g < perRow; ++g)
        statistics.range = {std::min(statistics.range.low, found[g].low),
                            std::max(statistics.range.high, found[g].high)};
    }
    if (columns)
      simd::widenColumnRanges(strip, count, rows.cols, statistics.columnLow.data(), statistics.columnHigh.data());
  }
  statistics.sums = sums.total();
  return statistics;
}

}  // namespace qs
