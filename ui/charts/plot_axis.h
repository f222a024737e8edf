#pragma once

#include <QString>
#include <functional>

#include "ui/support/axis_ticks.h"

namespace qs {

/// A range of an axis in data coordinates.
struct AxisRange {
  double low = 0;
  double high = 1;
  [[nodiscard]] double span() const { return high - low; }
  bool operator==(const AxisRange&) const = default;
};

/// One axis of a plot: what it measures, how far it reaches, and what of it is in view.
struct PlotAxis {
  QString title;  ///< with its unit
  AxisRange full;
  AxisRange view;
  bool log = false;
  bool whole = false;     ///< labels at whole numbers only
  bool inverted = false;  ///< grows downwards (rows of a matrix)
  bool zoomable = true;
  bool grid = true;
  std::function<AxisTicks(const AxisRange& view, int most)> customTicks;  ///< instead of 1-2-5 or decades

  /// Sets the full range; keeps the view where the user has zoomed.
  void setFull(AxisRange range);
  [[nodiscard]] bool isZoomed() const { return view != full; }
  /// 0 at view.low, 1 at view.high; logarithmic where the axis is.
  [[nodiscard]] double fractionOf(double value) const;
  [[nodiscard]] double valueAt(double fraction) const;
  [[nodiscard]] AxisTicks ticks(int most) const;
  /// Scales the view around a value by `factor` (below 1 zooms in), inside the full range.
  void zoom(double center, double factor);
  /// Moves the view by a fraction of itself, inside the full range.
  void pan(double fraction);
  void setView(AxisRange range);
};

}  // namespace qs
