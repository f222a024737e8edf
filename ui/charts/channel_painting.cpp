#include "ui/charts/channel_painting.h"

#include <QFontMetricsF>
#include <QPainterPath>
#include <algorithm>

#include "ui/charts/plot_painter.h"

namespace qs {
namespace {

constexpr int kMostLabels = 8;

QColor blend(const QColor& a, const QColor& b, float share) {
  return QColor::fromRgbF(a.redF() + share * (b.redF() - a.redF()), a.greenF() + share * (b.greenF() - a.greenF()),
                          a.blueF() + share * (b.blueF() - a.blueF()));
}

ChannelStep stepOf(const ChannelSteps& steps, std::size_t position) {
  const std::size_t p = steps.order[position];
  const ChannelBands& b = steps.bands;
  return {steps.edges[position],
          steps.edges[position + 1],
          b.minimum[p],
          b.lowerQuartile[p],
          b.median[p],
          b.upperQuartile[p],
          b.maximum[p],
          b.absMax[p],
          b.error.empty() ? 0.0F : b.error[p]};
}

void widen(ChannelStep& into, const ChannelStep& other) {
  into.right = other.right;
  into.minimum = std::min(into.minimum, other.minimum);
  into.lowerQuartile = std::min(into.lowerQuartile, other.lowerQuartile);
  into.upperQuartile = std::max(into.upperQuartile, other.upperQuartile);
  into.maximum = std::max(into.maximum, other.maximum);
  into.absMax = std::max(into.absMax, other.absMax);
  into.error = std::max(into.error, other.error);
}

using Field = float ChannelStep::*;

void appendOutline(QPolygonF& polygon, const PlotFrame& frame, const PlotAxis& x, const PlotAxis& y,
                   const std::vector<ChannelStep>& steps, Field field, bool backwards) {
  const auto add = [&](const ChannelStep& step) {
    const auto value = static_cast<double>(step.*field);
    const QPointF left = toPixel({step.left, value}, frame.rect, x, y);
    const QPointF right = toPixel({step.right, value}, frame.rect, x, y);
    polygon << (backwards ? right : left) << (backwards ? left : right);
  };
  if (backwards)
    std::for_each(steps.rbegin(), steps.rend(), add);
  else
    std::for_each(steps.begin(), steps.end(), add);
}

QPolygonF band(const PlotFrame& frame, const PlotAxis& x, const PlotAxis& y, const std::vector<ChannelStep>& steps,
               Field low, Field high) {
  QPolygonF polygon;
  appendOutline(polygon, frame, x, y, steps, high, false);
  appendOutline(polygon, frame, x, y, steps, low, true);
  return polygon;
}

void drawOutline(QPainter& painter, const PlotFrame& frame, const PlotAxis& x, const PlotAxis& y,
                 const std::vector<ChannelStep>& steps, Field field, const QPen& pen) {
  QPolygonF line;
  appendOutline(line, frame, x, y, steps, field, false);
  painter.setPen(pen);
  painter.drawPolyline(line);
}

void fill(QPainter& painter, const QPolygonF& polygon, const QColor& color) {
  const bool smooth = painter.testRenderHint(QPainter::Antialiasing);
  painter.setRenderHint(QPainter::Antialiasing, false);  // steps have no slopes, and thousands of them cost a frame
  painter.setPen(Qt::NoPen);
  painter.setBrush(color);
  painter.drawPolygon(polygon);
  painter.setBrush(Qt::NoBrush);
  painter.setRenderHint(QPainter::Antialiasing, smooth);
}

}  // namespace

ChannelColors channelColors(const Palette& colors) {
  const QColor accent = colors.linear(1);
  return {.outer = blend(accent, colors.base, 0.72F),
          .inner = blend(accent, colors.base, 0.38F),
          .median = colors.isDark ? QColor(0xffffff) : QColor(0x12304d),
          .absMax = colors.linear(5)};
}

std::vector<ChannelStep> visibleSteps(const ChannelSteps& steps, const AxisRange& view, int pixels) {
  std::vector<ChannelStep> visible;
  const double pixel = view.span() / std::max(pixels, 1);
  for (std::size_t i = 0; i < steps.order.size(); ++i) {
    if (steps.edges[i + 1] <= view.low || steps.edges[i] >= view.high) continue;
    const ChannelStep step = stepOf(steps, i);
    if (!visible.empty() && step.right - visible.back().left <= pixel)
      widen(visible.back(), step);
    else
      visible.push_back(step);
  }
  return visible;
}

void drawChannelBands(QPainter& painter, const PlotFrame& frame, const PlotAxis& x, const PlotAxis& y,
                      const std::vector<ChannelStep>& steps) {
  const ChannelColors colors = channelColors(frame.colors);
  fill(painter, band(frame, x, y, steps, &ChannelStep::minimum, &ChannelStep::maximum), colors.outer);
  fill(painter, band(frame, x, y, steps, &ChannelStep::lowerQuartile, &ChannelStep::upperQuartile), colors.inner);
  drawOutline(painter, frame, x, y, steps, &ChannelStep::median, QPen(colors.median, 1.2));
  drawOutline(painter, frame, x, y, steps, &ChannelStep::absMax, QPen(colors.absMax, 1.4));
}

void drawChannelErrors(QPainter& painter, const PlotFrame& frame, const PlotAxis& x, const PlotAxis& y,
                       const std::vector<ChannelStep>& steps, int slot) {
  if (steps.empty()) return;
  const QColor color = frame.colors.method(slot);
  QPolygonF area;
  appendOutline(area, frame, x, y, steps, &ChannelStep::error, false);
  area << toPixel({steps.back().right, 0}, frame.rect, x, y) << toPixel({steps.front().left, 0}, frame.rect, x, y);
  fill(painter, area, blend(color, frame.colors.base, 0.65F));
  drawOutline(painter, frame, x, y, steps, &ChannelStep::error, QPen(color, 1.4));
}

void drawChannelLabels(QPainter& painter, const PlotFrame& frame, const std::vector<ChannelLabel>& labels) {
  const QFontMetricsF metrics(painter.font());
  const double height = metrics.height() + 4;
  std::vector<QRectF> taken;
  const auto most = std::min<int>(kMostLabels, static_cast<int>(frame.rect.height() / (2 * height)));
  for (const ChannelLabel& label : labels) {
    if (static_cast<int>(taken.size()) >= most) break;
    if (label.text.isEmpty()) continue;
    const double width = metrics.horizontalAdvance(label.text) + 12;
    QRectF box(label.point.x() + 16, label.point.y() - height / 2, width, height);
    if (box.right() > frame.rect.right()) box.moveRight(label.point.x() - 16);
    box.moveTop(std::max(box.top(), frame.rect.top() + 2));
    const auto overlaps = [&box](const QRectF& other) { return other.adjusted(-2, -2, 2, 2).intersects(box); };
    for (auto hit = taken.begin(); (hit = std::find_if(taken.begin(), taken.end(), overlaps)) != taken.end();)
      box.moveTop(hit->bottom() + 3);
    if (box.bottom() > frame.rect.bottom() - 2 || box.left() < frame.rect.left()) continue;
    taken.push_back(box);
    const bool isRight = box.left() > label.point.x();
    painter.setPen(QPen(frame.colors.axis, 1));
    painter.drawLine(label.point, QPointF(isRight ? box.left() : box.right(), box.center().y()));
    drawTag(painter, box, label.text, frame.colors.text, frame.colors);
  }
  for (const ChannelLabel& label : labels)
    drawMarker(painter, label.point, 3.2, Marker::Circle, frame.colors.warning, frame.colors.base);
}

}  // namespace qs
