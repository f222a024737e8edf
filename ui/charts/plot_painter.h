#pragma once

#include <QPainter>
#include <QString>

#include "ui/charts/plot_layout.h"

namespace qs {

/// The parts that all plots share, drawn the same way everywhere.
void drawHeading(QPainter& painter, const PlotLayout& layout, const QString& heading,
                 const std::vector<PlotEntry>& legend, const Palette& colors);
void drawAxes(QPainter& painter, const PlotLayout& layout, const PlotAxis& x, const PlotAxis& y, const Palette& colors);
void drawSwatch(QPainter& painter, const QRectF& rect, const PlotEntry& entry, const Palette& colors);
/// A method's marker of `radius` around a centre, filled.
void drawMarker(QPainter& painter, const QPointF& center, double radius, Marker marker, const QColor& color,
                const QColor& outline);
/// One box with all values near an anchor, kept inside bounds.
void drawTooltip(QPainter& painter, const QPointF& anchor, const QRectF& bounds, const PlotReadout& readout,
                 const QFont& font, const Palette& colors);
/// Where a message in the middle stands: its text, under the mark of a failure.
[[nodiscard]] QRectF centeredText(const QRectF& bounds, const QString& message, bool failed, const QFont& font);
void drawCentered(QPainter& painter, const QRectF& bounds, const QString& message, bool failed, const QFont& font,
                  const Palette& colors);
/// A thin bar along the top and a message in the corner of the plot; progress below 0 is unknown and drawn as a full
/// muted bar.
void drawProgress(QPainter& painter, const QRectF& bounds, const QRectF& plot, double progress, const QString& message,
                  const QFont& font, const Palette& colors);
/// Text on a rounded ground, so that it reads on top of data.
void drawTag(QPainter& painter, const QRectF& rect, const QString& text, const QColor& color, const Palette& colors);

/// Text in the middle of a rectangle with a rim in the ground's colour, so that lines behind it don't disturb.
void drawHaloText(QPainter& painter, const QRectF& rect, const QString& text, const Palette& colors);

[[nodiscard]] QPointF toPixel(const QPointF& data, const QRectF& plot, const PlotAxis& x, const PlotAxis& y);

}  // namespace qs
