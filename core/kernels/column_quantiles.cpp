#include "core/kernels/column_quantiles.h"

#include <algorithm>
#include <vector>

namespace qs {

namespace {

float quantileOf(std::span<const float> sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const auto fraction = static_cast<float>(position - static_cast<double>(below));
  return sorted[below] + (sorted[above] - sorted[below]) * fraction;
}

}  // namespace

void columnQuartiles(MatrixView matrix, std::size_t stride, std::size_t firstCol, std::size_t lastCol,
                     const ColumnQuartiles& out) {
  const std::size_t count = (matrix.rows + stride - 1) / stride;
  if (count == 0) return;
  const std::size_t width = lastCol - firstCol;
  std::vector<float> columns(width * count);  // transposed, so that each column is one run
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = matrix.data + i * stride * matrix.cols + firstCol;
    for (std::size_t c = 0; c < width; ++c) columns[c * count + i] = row[c];
  }
  for (std::size_t c = 0; c < width; ++c) {
    const std::span<float> column = std::span(columns).subspan(c * count, count);
    std::sort(column.begin(), column.end());
    out.lower[firstCol + c] = quantileOf(column, 0.25);
    out.median[firstCol + c] = quantileOf(column, 0.5);
    out.upper[firstCol + c] = quantileOf(column, 0.75);
  }
}

}  // namespace qs
