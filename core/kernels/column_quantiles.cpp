#include "core/kernels/column_quantiles.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "core/kernels/stats_simd.h"

namespace qs {

namespace {

constexpr std::size_t kColumns = simd::kSortedColumns;

// A quantile of one sorted column of `count` values, by linear interpolation.
float quantileOf(const float* column, std::size_t count, double q) {
  const double position = q * static_cast<double>(count - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, count - 1);
  const auto fraction = static_cast<float>(position - static_cast<double>(below));
  const float low = column[below * kColumns];
  return low + (column[above * kColumns] - low) * fraction;
}

}  // namespace

void columnQuartiles(MatrixView matrix, std::size_t stride, std::size_t firstCol, std::size_t lastCol,
                     const ColumnQuartiles& out) {
  const std::size_t count = (matrix.rows + stride - 1) / stride;
  if (count == 0) return;
  std::vector<float> buffer(std::bit_ceil(count) * kColumns);
  for (std::size_t first = firstCol; first < lastCol; first += kColumns) {
    const std::size_t width = std::min(kColumns, lastCol - first);
    std::fill(buffer.begin(), buffer.end(), std::numeric_limits<float>::infinity());
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(matrix.data + i * stride * matrix.cols + first, width,
                  buffer.begin() + static_cast<std::ptrdiff_t>(i * kColumns));
    simd::sortColumns(buffer.data(), buffer.size() / kColumns);
    for (std::size_t c = 0; c < width; ++c) {
      out.lower[first + c] = quantileOf(&buffer[c], count, 0.25);
      out.median[first + c] = quantileOf(&buffer[c], count, 0.5);
      out.upper[first + c] = quantileOf(&buffer[c], count, 0.75);
    }
  }
}

}  // namespace qs
