#pragma once

#include <QImage>
#include <QRectF>

#include <functional>
#include <span>

#include "core/stats/abs_max_pyramid.h"

namespace qs {

/// What a raster shows: the pyramid of a matrix, and its exact values row by row.
struct RasterSource {
  const AbsMaxPyramid* pyramid = nullptr;
  /// The values of a row: its own, or written into `buffer` [columns].
  std::function<const float*(std::size_t row, std::span<float> buffer)> exactRow;
};

/// How values become colours: by the square root of their share of `largest`, so that small values differ visibly
/// beside an outlier.
struct RasterColors {
  const QRgb* ramp = nullptr;  ///< 256 colours
  float largest = 1;
  bool isSigned = false;  ///< ramp from −largest to +largest, else from 0
};

/// An image of the part `view` (in columns and rows of the matrix), one pixel a device pixel. Each pixel has the value
/// of largest magnitude under it, from the exact values where a pixel covers fewer than 4 of them a side, else from the
/// pyramid; `coarse` allows half the resolution, for dragging. NaN is drawn as a magenta hatch.
[[nodiscard]] QImage rasterize(const RasterSource& source, const RasterColors& colors, const QRectF& view,
                               const QSize& pixels, bool coarse);

/// Place of a value on the ramp, 0…255.
[[nodiscard]] int rampIndex(float value, const RasterColors& colors);

}  // namespace qs
