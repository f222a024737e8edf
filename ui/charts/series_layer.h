#pragma once

#include <QColor>
#include <QList>
#include <QPen>
#include <QPointF>
#include <memory>

#include "ui/charts/plot_axis.h"

class QPainter;

namespace qs {

/// Qt Charts series without the chart's own axes and margins: built once, fed by replace(), drawn into a rectangle.
/// The plot view draws the axes, so that all plots look and behave alike.
class SeriesLayer {
 public:
  SeriesLayer();
  ~SeriesLayer();
  SeriesLayer(const SeriesLayer&) = delete;
  SeriesLayer& operator=(const SeriesLayer&) = delete;

  /// Adds a series and returns its number; areas reach down to the floor.
  int addArea();
  int addLine();
  /// Values below the floor are drawn at it, which a logarithmic axis needs.
  void setPoints(int series, const QList<QPointF>& points, double floor);
  void setPen(int series, const QPen& pen, const QColor& fill = {});
  [[nodiscard]] int pointCount(int series) const;
  /// Axes of the next render.
  void setRanges(const AxisRange& x, const AxisRange& y, bool logarithmicY);
  void render(QPainter& painter, const QRectF& rect);

 private:
  struct Parts;
  std::unique_ptr<Parts> m_parts;
};

}  // namespace qs
