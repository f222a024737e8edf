#include "ui/charts/plot_layout.h"

#include <QFontMetricsF>
#include <algorithm>

namespace qs {
namespace {

constexpr double kEntryGap = 16;
constexpr double kTickLength = 5;

double entryWidth(const PlotEntry& entry, const QFontMetricsF& metrics) {
  return (entry.color.isValid() ? kSwatchWidth + 5 : 0) + metrics.horizontalAdvance(entry.label);
}

double widest(const AxisTicks& ticks, const QFontMetricsF& metrics) {
  double width = 0;
  for (const QString& label : ticks.labels) width = std::max(width, metrics.horizontalAdvance(label));
  return width;
}

/// Flows the heading, the legend and the controls into as few lines as they need. Returns the bottom.
double layoutHeader(const PlotLayoutInput& in, PlotLayout& out) {
  const QFontMetricsF title(out.titleFont);
  const QFontMetricsF label(out.labelFont);
  const double line = std::max(title.height() + 4, in.controls.height());
  const double available = in.size.width() - 2 * kPlotMargin;
  const double right = in.size.width() - kPlotMargin;
  const double controls = in.controls.isEmpty() ? 0 : in.controls.width() + 12;
  const double heading = in.heading.isEmpty() ? 0 : title.horizontalAdvance(in.heading) + 2;
  double legend = 0;
  for (const PlotEntry& entry : in.legend) legend += entryWidth(entry, label) + kEntryGap;

  double top = kPlotMargin - 2;
  double left = kPlotMargin;
  double lineRight = right;
  const bool together = heading + controls <= available;
  const bool single = heading + kEntryGap + legend + controls <= available;
  out.heading = {kPlotMargin, top, together ? available - controls : available, line};
  if (!together && !in.controls.isEmpty()) top += line;
  out.controls = {right - in.controls.width(), top + (line - in.controls.height()) / 2};
  if (in.legend.empty()) return top + line;
  if (single) {
    left += heading > 0 ? heading + kEntryGap + 4 : 0;
  } else if (!together && legend + controls <= available) {
    lineRight -= controls;
  } else {
    top += line;
  }
  const double lineStart = single ? left : kPlotMargin;
  const double entryLine = single || lineRight < right ? line : label.height() + 4;
  for (const PlotEntry& entry : in.legend) {
    const double width = entryWidth(entry, label);
    if (left > lineStart && left + width > lineRight) {
      left = lineStart;
      top += entryLine;
    }
    out.legend.emplace_back(left, top, std::min(width, lineRight - left), entryLine);
    left += width + kEntryGap;
  }
  return top + entryLine;
}

}  // namespace

PlotLayout layoutPlot(const PlotLayoutInput& in, const PlotAxis& x, const PlotAxis& y) {
  PlotLayout out;
  out.titleFont = in.font;
  out.titleFont.setWeight(QFont::DemiBold);
  out.labelFont = in.font;
  out.labelFont.setPointSizeF(std::max(6.5, in.font.pointSizeF() * 0.92));
  const QFontMetricsF label(out.labelFont);
  const double top = layoutHeader(in, out) + 8;
  const double bottomRoom =
      in.axes ? kTickLength + label.height() + (x.title.isEmpty() ? 2 : label.height() + 4) + 6 : kPlotMargin;
  const double bottom = in.size.height() - bottomRoom;
  double left = kPlotMargin;
  if (in.axes) {
    out.yTicks = y.ticks(std::clamp(static_cast<int>((bottom - top) / (label.height() * 2.2)), 2, 10));
    left += (y.title.isEmpty() ? 0 : label.height() + 4) + widest(out.yTicks, label) + kTickLength + 5;
  }
  const double right = in.size.width() - kPlotMargin - in.rightMargin - (in.rightMargin > 0 ? 0 : 6);
  out.plot = {left, top, std::max(10.0, right - left), std::max(10.0, bottom - top)};
  if (in.axes) {
    const double pitch = widest(x.ticks(kMostTicks), label) + 22;
    out.xTicks = x.ticks(std::clamp(static_cast<int>(out.plot.width() / pitch), 2, kMostTicks));
  }
  return out;
}

}  // namespace qs
