#pragma once

#include <QPainter>
#include <cstdint>
#include <span>
#include <vector>

#include "core/session/quant_report.h"
#include "ui/charts/plot_axis.h"
#include "ui/charts/plot_entry.h"

namespace qs {

/// The bands with their places on the x axis: point order[i] reaches from edges[i] to edges[i + 1].
struct ChannelSteps {
  const ChannelBands& bands;
  std::span<const std::uint32_t> order;
  std::span<const double> edges;
};

/// One drawn column: a channel, or several that share a pixel with their extremes kept.
struct ChannelStep {
  double left = 0, right = 0;
  float minimum = 0, lowerQuartile = 0, median = 0, upperQuartile = 0, maximum = 0, absMax = 0, error = 0;
};

struct ChannelColors {
  QColor outer, inner, median, absMax;
};
[[nodiscard]] ChannelColors channelColors(const Palette& colors);

/// The columns in view, at most about one a pixel.
[[nodiscard]] std::vector<ChannelStep> visibleSteps(const ChannelSteps& steps, const AxisRange& view, int pixels);

void drawChannelBands(QPainter& painter, const PlotFrame& frame, const PlotAxis& x, const PlotAxis& y,
                      const std::vector<ChannelStep>& steps);
void drawChannelErrors(QPainter& painter, const PlotFrame& frame, const PlotAxis& x, const PlotAxis& y,
                       const std::vector<ChannelStep>& steps, int slot);

/// A point with a name beside it, or with none.
struct ChannelLabel {
  QPointF point;
  QString text;
};
/// Marks every point; names those, strongest first, for which there is room without overlap.
void drawChannelLabels(QPainter& painter, const PlotFrame& frame, const std::vector<ChannelLabel>& labels);

}  // namespace qs
