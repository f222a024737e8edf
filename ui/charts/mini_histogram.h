#pragma once

#include <QPainterPath>

#include "core/stats/histogram.h"
#include "ui/charts/plot_axis.h"

namespace qs {

/// How a histogram of a few pixels is drawn: its part of the weights' axis, and its counts up to `most`.
struct MiniScale {
  AxisRange weights;
  double most = 1;
  bool log = true;  ///< counts from half a weight on, so that a single one is seen
};

/// The largest count of a histogram, or 0.
[[nodiscard]] double largestCount(const Histogram& histogram);

/// The steps of a histogram inside a rectangle: the largest count under each pixel, so that single weights stay
/// visible. Closed along the lower edge it is an area.
[[nodiscard]] QPainterPath miniOutline(const Histogram& histogram, const MiniScale& scale, const QRectF& rect,
                                       bool closed);

}  // namespace qs
