#include "ui/charts/plot_painter.h"

#include <QFontMetricsF>
#include <algorithm>
#include <array>
#include <cmath>

namespace qs {
namespace {

constexpr double kTickLength = 5;
constexpr double kMarkHeight = 36;  // of a failure, with the gap under it

double crisp(double v) { return std::floor(v) + 0.5; }

void drawXAxis(QPainter& painter, const PlotLayout& layout, const PlotAxis& x, const Palette& colors) {
  const QRectF& plot = layout.plot;
  const QFontMetricsF metrics(layout.labelFont);
  for (std::size_t i = 0; i < layout.xTicks.major.size(); ++i) {
    const double at = plot.left() + x.fractionOf(layout.xTicks.major[i]) * plot.width();
    painter.setPen(colors.axis);
    painter.drawLine(QPointF(crisp(at), plot.bottom()), QPointF(crisp(at), plot.bottom() + kTickLength));
    const QString& label = layout.xTicks.labels[i];
    const double width = metrics.horizontalAdvance(label);
    painter.setPen(colors.mutedText);
    const double left = std::min(at - width / 2, plot.right() + 15 - width);
    painter.drawText(QPointF(left, plot.bottom() + kTickLength + 2 + metrics.ascent()), label);
  }
  if (x.title.isEmpty()) return;
  const QRectF title(plot.left(), plot.bottom() + kTickLength + metrics.height() + 5, plot.width(), metrics.height());
  painter.setPen(colors.mutedText);
  painter.drawText(title, Qt::AlignCenter, metrics.elidedText(x.title, Qt::ElideMiddle, title.width()));
}

void drawYAxis(QPainter& painter, const PlotLayout& layout, const PlotAxis& y, const Palette& colors) {
  const QRectF& plot = layout.plot;
  const QFontMetricsF metrics(layout.labelFont);
  for (std::size_t i = 0; i < layout.yTicks.major.size(); ++i) {
    double fraction = y.fractionOf(layout.yTicks.major[i]);
    if (!y.inverted) fraction = 1 - fraction;
    const double at = plot.top() + fraction * plot.height();
    painter.setPen(colors.axis);
    painter.drawLine(QPointF(plot.left() - kTickLength, crisp(at)), QPointF(plot.left(), crisp(at)));
    const QString& label = layout.yTicks.labels[i];
    painter.setPen(colors.mutedText);
    const double left = plot.left() - kTickLength - 4 - metrics.horizontalAdvance(label);
    painter.drawText(QPointF(left, at + metrics.ascent() / 2 - metrics.descent() / 2), label);
  }
  if (y.title.isEmpty()) return;
  painter.save();
  painter.translate(kPlotMargin, plot.center().y());
  painter.rotate(-90);
  painter.setPen(colors.mutedText);
  const QRectF title(-plot.height() / 2, 0, plot.height(), metrics.height());
  painter.drawText(title, Qt::AlignCenter, metrics.elidedText(y.title, Qt::ElideRight, title.width()));
  painter.restore();
}

void drawGrid(QPainter& painter, const PlotLayout& layout, const PlotAxis& x, const PlotAxis& y,
              const Palette& colors) {
  const QRectF& plot = layout.plot;
  painter.setPen(QPen(colors.grid, 1));
  if (x.grid)
    for (const double value : layout.xTicks.major) {
      const double at = crisp(plot.left() + x.fractionOf(value) * plot.width());
      painter.drawLine(QPointF(at, plot.top()), QPointF(at, plot.bottom()));
    }
  if (y.grid)
    for (const double value : layout.yTicks.major) {
      const double fraction = y.inverted ? y.fractionOf(value) : 1 - y.fractionOf(value);
      const double at = crisp(plot.top() + fraction * plot.height());
      painter.drawLine(QPointF(plot.left(), at), QPointF(plot.right(), at));
    }
}

}  // namespace

QPointF toPixel(const QPointF& data, const QRectF& plot, const PlotAxis& x, const PlotAxis& y) {
  const double fy = y.fractionOf(data.y());
  return {plot.left() + x.fractionOf(data.x()) * plot.width(), plot.top() + (y.inverted ? fy : 1 - fy) * plot.height()};
}

void drawHeading(QPainter& painter, const PlotLayout& layout, const QString& heading,
                 const std::vector<PlotEntry>& legend, const Palette& colors) {
  painter.setFont(layout.titleFont);
  painter.setPen(colors.text);
  const QFontMetricsF metrics(layout.titleFont);
  painter.drawText(layout.heading, Qt::AlignLeft | Qt::AlignVCenter,
                   metrics.elidedText(heading, Qt::ElideMiddle, layout.heading.width()));
  painter.setFont(layout.labelFont);
  for (std::size_t i = 0; i < legend.size() && i < layout.legend.size(); ++i) {
    QRectF rect = layout.legend[i];
    if (legend[i].color.isValid()) {
      drawSwatch(painter, QRectF(rect.left(), rect.center().y() - 6, kSwatchWidth, 12), legend[i], colors);
      rect.setLeft(rect.left() + kSwatchWidth + 5);
    }
    painter.setPen(colors.mutedText);
    painter.drawText(rect.adjusted(0, 0, 2, 0), Qt::AlignLeft | Qt::AlignVCenter, legend[i].label);
  }
}

void drawAxes(QPainter& painter, const PlotLayout& layout, const PlotAxis& x, const PlotAxis& y,
              const Palette& colors) {
  painter.setRenderHint(QPainter::Antialiasing, false);
  painter.setFont(layout.labelFont);
  drawGrid(painter, layout, x, y, colors);
  drawXAxis(painter, layout, x, colors);
  drawYAxis(painter, layout, y, colors);
  painter.setPen(colors.axis);
  painter.drawLine(QPointF(crisp(layout.plot.left()), layout.plot.top()),
                   QPointF(crisp(layout.plot.left()), layout.plot.bottom()));
  painter.drawLine(QPointF(layout.plot.left(), crisp(layout.plot.bottom())),
                   QPointF(layout.plot.right(), crisp(layout.plot.bottom())));
  painter.setRenderHint(QPainter::Antialiasing, true);
}

void drawMarker(QPainter& painter, const QPointF& center, double radius, Marker marker, const QColor& color,
                const QColor& outline) {
  painter.save();
  painter.translate(center);
  painter.setPen(outline.isValid() ? QPen(outline, 1.2) : QPen(Qt::NoPen));
  painter.setBrush(color);
  painter.drawPath(markerPath(marker, radius));
  painter.restore();
}

void drawSwatch(QPainter& painter, const QRectF& rect, const PlotEntry& entry, const Palette& colors) {
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing, true);
  const QPointF left(rect.left(), rect.center().y());
  const QPointF right(rect.right(), rect.center().y());
  switch (entry.swatch) {
    case Swatch::Area:
      painter.fillRect(QRectF(rect.left() + 2, rect.top() + 1, rect.width() - 4, rect.height() - 2), entry.color);
      break;
    case Swatch::Point:
      drawMarker(painter, rect.center(), 4.5, entry.marker, entry.color, colors.base);
      break;
    case Swatch::Line:
    case Swatch::DashedLine:
    case Swatch::DottedLine: {
      QPen pen(entry.color, 2);
      if (entry.swatch == Swatch::DashedLine) pen.setDashPattern({3, 2});
      if (entry.swatch == Swatch::DottedLine) pen.setDashPattern({1, 1.5});
      pen.setCapStyle(Qt::FlatCap);
      painter.setPen(pen);
      painter.drawLine(left, right);
      break;
    }
  }
  painter.restore();
}

void drawTooltip(QPainter& painter, const QPointF& anchor, const QRectF& bounds, const PlotReadout& readout,
                 const QFont& font, const Palette& colors) {
  const QFontMetricsF metrics(font);
  double labels = 0;
  double values = 0;
  for (const PlotEntry& entry : readout.entries) {
    labels = std::max(labels, metrics.horizontalAdvance(entry.label) + (entry.color.isValid() ? kSwatchWidth + 6 : 0));
    values = std::max(values, metrics.horizontalAdvance(entry.value));
  }
  QFont bold = font;
  bold.setWeight(QFont::DemiBold);
  const double line = metrics.height() + 2;
  const double title = readout.title.isEmpty() ? 0 : QFontMetricsF(bold).horizontalAdvance(readout.title);
  const double width = std::min(std::max(title, labels + 14 + values) + 18, std::floor(bounds.width()) - 1);
  const double height = (readout.title.isEmpty() ? 0 : line) + line * static_cast<double>(readout.entries.size()) + 12;
  double left = anchor.x() + 14;
  if (left + width > bounds.right()) left = anchor.x() - 14 - width;
  left = std::clamp(left, bounds.left(), std::max(bounds.left(), bounds.right() - width - 1));
  const double top =
      std::clamp(anchor.y() - height - 10, bounds.top(), std::max(bounds.top(), bounds.bottom() - height));
  const QRectF box(std::floor(left) + 0.5, std::floor(top) + 0.5, std::ceil(width), std::ceil(height));
  painter.setPen(QPen(colors.axis, 1));
  painter.setBrush(colors.tooltipBase);
  painter.drawRoundedRect(box, 4, 4);
  double y = box.top() + 6;
  painter.setPen(colors.text);
  if (!readout.title.isEmpty()) {
    painter.setFont(bold);
    painter.drawText(QRectF(box.left() + 9, y, box.width() - 18, line), Qt::AlignVCenter,
                     QFontMetricsF(bold).elidedText(readout.title, Qt::ElideMiddle, box.width() - 18));
    y += line;
  }
  painter.setFont(font);
  for (const PlotEntry& entry : readout.entries) {
    QRectF row(box.left() + 9, y, box.width() - 18, line);
    painter.setPen(colors.text);
    painter.drawText(row, Qt::AlignRight | Qt::AlignVCenter,
                     metrics.elidedText(entry.value, Qt::ElideRight, row.width() - labels - 14));
    if (entry.color.isValid()) {
      drawSwatch(painter, QRectF(row.left(), row.center().y() - 6, kSwatchWidth, 12), entry, colors);
      row.setLeft(row.left() + kSwatchWidth + 6);
    }
    painter.setPen(colors.mutedText);
    painter.drawText(row, Qt::AlignLeft | Qt::AlignVCenter, entry.label);
    y += line;
  }
}

QRectF centeredText(const QRectF& bounds, const QString& message, bool failed, const QFont& font) {
  const double width = std::min(bounds.width() - 32, 460.0);
  const QFontMetricsF metrics(font);
  const QRectF needed = metrics.boundingRect(QRectF(0, 0, width, 400), Qt::AlignHCenter | Qt::TextWordWrap, message);
  const double mark = failed ? kMarkHeight : 0;
  const double top = bounds.center().y() - (needed.height() + mark) / 2 - 16 + mark;
  return {bounds.center().x() - width / 2, std::max(top, mark + 6), width, needed.height() + 4};
}

void drawCentered(QPainter& painter, const QRectF& bounds, const QString& message, bool failed, const QFont& font,
                  const Palette& colors) {
  const QRectF text = centeredText(bounds, message, failed, font);
  if (failed) {
    const QPointF center(bounds.center().x(), text.top() - kMarkHeight + 12);
    painter.setPen(QPen(colors.failure, 1.8));
    painter.setBrush(Qt::NoBrush);
    painter.drawEllipse(center, 11, 11);
    painter.drawLine(center + QPointF(0, -5.5), center + QPointF(0, 1.5));
    painter.drawPoint(center + QPointF(0, 5.5));
  }
  painter.setFont(font);
  painter.setPen(failed ? colors.text : colors.mutedText);
  painter.drawText(text, Qt::AlignHCenter | Qt::TextWordWrap, message);
}

void drawProgress(QPainter& painter, const QRectF& bounds, const QRectF& plot, double progress, const QString& message,
                  const QFont& font, const Palette& colors) {
  QColor track = colors.selection;
  track.setAlphaF(0.22F);
  painter.fillRect(QRectF(bounds.left(), bounds.top(), bounds.width(), 3), track);
  QColor bar = colors.selection;
  if (progress < 0) bar.setAlphaF(0.55F);
  const double share = progress < 0 ? 1 : std::clamp(progress, 0.0, 1.0);
  painter.fillRect(QRectF(bounds.left(), bounds.top(), bounds.width() * share, 3), bar);
  if (message.isEmpty()) return;
  const QFontMetricsF metrics(font);
  const QString text = metrics.elidedText(message, Qt::ElideMiddle, plot.width() - 40);
  const double width = metrics.horizontalAdvance(text) + 16;
  painter.setFont(font);
  drawTag(painter, QRectF(plot.right() - width - 6, plot.top() + 12, width, metrics.height() + 6), text, colors.text,
          colors);
}

void drawTag(QPainter& painter, const QRectF& rect, const QString& text, const QColor& color, const Palette& colors) {
  painter.save();
  painter.setPen(QPen(colors.grid, 1));
  painter.setBrush(colors.tooltipBase);
  painter.drawRoundedRect(rect, 3, 3);
  painter.setPen(color);
  painter.drawText(rect, Qt::AlignCenter, text);
  painter.restore();
}

void drawHaloText(QPainter& painter, const QRectF& rect, const QString& text, const Palette& colors) {
  QColor ground = colors.base;
  ground.setAlphaF(0.82F);
  painter.fillRect(rect.adjusted(0, 1, 0, -1), ground);
  painter.setPen(colors.text);
  painter.drawText(rect, Qt::AlignCenter, text);
}

}  // namespace qs
