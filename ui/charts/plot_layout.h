#pragma once

#include <QFont>
#include <QRectF>
#include <QSizeF>
#include <vector>

#include "ui/charts/plot_axis.h"
#include "ui/charts/plot_entry.h"

namespace qs {

/// What the layout of a plot depends on.
struct PlotLayoutInput {
  QSizeF size;
  QSizeF controls;  ///< empty when exporting
  QFont font;
  QString heading;
  std::vector<PlotEntry> legend;
  double rightMargin = 0;
  bool axes = true;
};

/// Where the parts of a plot stand: computed afresh for each drawing, from the font's metrics.
struct PlotLayout {
  QFont titleFont, labelFont;
  QRectF heading;
  QPointF controls;  ///< top left
  std::vector<QRectF> legend;
  QRectF plot;
  AxisTicks xTicks, yTicks;
};

[[nodiscard]] PlotLayout layoutPlot(const PlotLayoutInput& input, const PlotAxis& x, const PlotAxis& y);

inline constexpr double kPlotMargin = 10;
inline constexpr double kSwatchWidth = 18;

}  // namespace qs
