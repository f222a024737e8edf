#include "ui/charts/matrix_raster.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ui/support/palette.h"

namespace qs {
namespace {

/// One level to read from: the matrix itself has a pool of 1.
struct Cells {
  std::function<const float*(std::size_t row, std::span<float> buffer)> row;
  std::size_t rows = 0;
  std::size_t cols = 0;
  double pool = 1;
};

struct CellRange {
  std::size_t first = 0;
  std::size_t end = 0;
};

Cells cellsFor(const RasterSource& source, double valuesPerPixel, bool coarse) {
  const double allowed = coarse ? valuesPerPixel * 2 : valuesPerPixel;
  const AbsMaxPyramid::Level* coarsest = nullptr;
  for (const AbsMaxPyramid::Level& level : source.pyramid->levels())
    if (static_cast<double>(level.pool) <= allowed) coarsest = &level;
  if (coarsest == nullptr) return {source.exactRow, source.pyramid->rows(), source.pyramid->cols(), 1};
  const auto row = [coarsest](std::size_t r, std::span<float>) { return coarsest->values.data() + r * coarsest->cols; };
  return {row, coarsest->rows, coarsest->cols, static_cast<double>(coarsest->pool)};
}

std::vector<CellRange> rangesOf(double start, double span, int pixels, double pool, std::size_t count) {
  std::vector<CellRange> ranges(static_cast<std::size_t>(pixels));
  const double perPixel = span / pixels / pool;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const double low = start / pool + static_cast<double>(i) * perPixel;
    const auto first =
        static_cast<std::size_t>(std::clamp(std::floor(low + 1e-9), 0.0, static_cast<double>(count - 1)));
    const auto end =
        static_cast<std::size_t>(std::clamp(std::ceil(low + perPixel - 1e-9), 0.0, static_cast<double>(count)));
    ranges[i] = {first, std::max(end, first + 1)};
  }
  return ranges;
}

float stronger(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::nanf("");
  return std::abs(b) > std::abs(a) ? b : a;
}

/// The strongest of each column of some rows, into `line`; `buffer` is for the rows.
void poolRows(const Cells& cells, CellRange rows, CellRange cols, std::vector<float>& line, std::span<float> buffer) {
  for (std::size_t r = rows.first; r < rows.end; ++r) {
    const float* values = cells.row(r, buffer);
    for (std::size_t c = cols.first; c < cols.end; ++c)
      line[c] = r == rows.first ? values[c] : stronger(line[c], values[c]);
  }
}

}  // namespace

int rampIndex(float value, const RasterColors& colors) {
  const float share = colors.largest > 0 ? std::sqrt(std::min(1.0F, std::abs(value) / colors.largest)) : 0.0F;
  if (!colors.isSigned) return static_cast<int>(std::lround(share * 255.0F));
  return static_cast<int>(127.5F + std::copysign(share * 127.5F, value));
}

QImage rasterize(const RasterSource& source, const RasterColors& colors, const QRectF& view, const QSize& pixels,
                 bool coarse) {
  QImage image(pixels, QImage::Format_RGB32);
  const double perPixel = std::min(view.width() / pixels.width(), view.height() / pixels.height());
  if (source.pyramid == nullptr || source.pyramid->empty()) {
    image.fill(Qt::transparent);
    return image;
  }
  const Cells cells = cellsFor(source, perPixel, coarse);
  const auto cols = rangesOf(view.left(), view.width(), pixels.width(), cells.pool, cells.cols);
  const auto rows = rangesOf(view.top(), view.height(), pixels.height(), cells.pool, cells.rows);
  const CellRange used{cols.front().first, cols.back().end};
  std::vector<float> line(cells.cols);
  std::vector<float> buffer(cells.cols);
  CellRange pooled;
  for (int y = 0; y < pixels.height(); ++y) {
    auto* out = reinterpret_cast<QRgb*>(image.scanLine(y));
    const CellRange range = rows[static_cast<std::size_t>(y)];
    if (y > 0 && range.first == pooled.first && range.end == pooled.end) {
      std::copy_n(reinterpret_cast<const QRgb*>(image.constScanLine(y - 1)), pixels.width(), out);
      continue;
    }
    poolRows(cells, range, used, line, buffer);
    pooled = range;
    for (int x = 0; x < pixels.width(); ++x) {
      const CellRange across = cols[static_cast<std::size_t>(x)];
      float value = line[across.first];
      for (std::size_t c = across.first + 1; c < across.end; ++c) value = stronger(value, line[c]);
      out[x] = std::isnan(value) ? Palette::notANumber(((x + y) / 4) % 2 == 0) : colors.ramp[rampIndex(value, colors)];
    }
  }
  return image;
}

}  // namespace qs
