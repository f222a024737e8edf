#include "ui/charts/series_layer.h"

#include <QAreaSeries>
#include <QChart>
#include <QGraphicsLayout>
#include <QGraphicsScene>
#include <QLegend>
#include <QLineSeries>
#include <QLogValueAxis>
#include <QPainter>
#include <QValueAxis>
#include <vector>

namespace qs {

struct SeriesLayer::Parts {
  QGraphicsScene scene;
  QChart* chart = new QChart;
  QValueAxis* x = new QValueAxis;
  QValueAxis* linear = new QValueAxis;
  QLogValueAxis* log = new QLogValueAxis;
  struct Series {
    QLineSeries* upper = nullptr;
    QLineSeries* lower = nullptr;
    QAreaSeries* area = nullptr;
  };
  std::vector<Series> series;
  bool usesLog = false;
  AxisRange xRange, yRange{-1, -1};

  [[nodiscard]] QAbstractAxis* y() const {
    return usesLog ? static_cast<QAbstractAxis*>(log) : static_cast<QAbstractAxis*>(linear);
  }
  static QAbstractSeries* drawn(const Series& s) { return s.area ? static_cast<QAbstractSeries*>(s.area) : s.upper; }
};

SeriesLayer::SeriesLayer() : m_parts(std::make_unique<Parts>()) {
  Parts& p = *m_parts;
  p.scene.addItem(p.chart);
  p.chart->setAnimationOptions(QChart::NoAnimation);
  p.chart->setBackgroundVisible(false);
  p.chart->setBackgroundRoundness(0);
  p.chart->setMargins(QMargins(0, 0, 0, 0));
  p.chart->layout()->setContentsMargins(0, 0, 0, 0);
  p.chart->legend()->hide();
  for (QAbstractAxis* axis : {static_cast<QAbstractAxis*>(p.linear), static_cast<QAbstractAxis*>(p.log)}) {
    p.chart->addAxis(axis, Qt::AlignLeft);
    axis->setVisible(false);
  }
  p.chart->addAxis(p.x, Qt::AlignBottom);
  p.x->setVisible(false);
}

SeriesLayer::~SeriesLayer() = default;

int SeriesLayer::addArea() {
  Parts& p = *m_parts;
  Parts::Series s{new QLineSeries(p.chart), new QLineSeries(p.chart), nullptr};
  s.area = new QAreaSeries(s.upper, s.lower);
  p.chart->addSeries(s.area);
  s.area->attachAxis(p.x);
  s.area->attachAxis(p.y());
  p.series.push_back(s);
  return static_cast<int>(p.series.size()) - 1;
}

int SeriesLayer::addLine() {
  Parts& p = *m_parts;
  Parts::Series s{new QLineSeries, nullptr, nullptr};
  p.chart->addSeries(s.upper);
  s.upper->attachAxis(p.x);
  s.upper->attachAxis(p.y());
  p.series.push_back(s);
  return static_cast<int>(p.series.size()) - 1;
}

void SeriesLayer::setPoints(int series, const QList<QPointF>& points, double floor) {
  const Parts::Series& s = m_parts->series[static_cast<std::size_t>(series)];
  QList<QPointF> clamped = points;
  for (QPointF& point : clamped)
    if (!(point.y() > floor)) point.setY(floor);
  s.upper->replace(clamped);
  if (!s.lower) return;
  QList<QPointF> base;
  if (!clamped.isEmpty()) base = {QPointF(clamped.first().x(), floor), QPointF(clamped.last().x(), floor)};
  s.lower->replace(base);
}

void SeriesLayer::setPen(int series, const QPen& pen, const QColor& fill) {
  const Parts::Series& s = m_parts->series[static_cast<std::size_t>(series)];
  if (!s.area) return s.upper->setPen(pen);
  s.area->setPen(pen);
  s.area->setBrush(fill);
}

int SeriesLayer::pointCount(int series) const {
  return static_cast<int>(m_parts->series[static_cast<std::size_t>(series)].upper->count());
}

void SeriesLayer::setRanges(const AxisRange& x, const AxisRange& y, bool logarithmicY) {
  Parts& p = *m_parts;
  if (logarithmicY != p.usesLog) {
    for (const Parts::Series& s : p.series) Parts::drawn(s)->detachAxis(p.y());
    p.usesLog = logarithmicY;
    p.yRange = {-1, -1};
    if (logarithmicY)
      p.log->setRange(y.low, y.high);
    else
      p.linear->setRange(y.low, y.high);
    for (const Parts::Series& s : p.series) Parts::drawn(s)->attachAxis(p.y());
  }
  if (x != p.xRange) p.x->setRange(x.low, x.high);
  if (y != p.yRange) p.y()->setRange(y.low, y.high);
  p.xRange = x;
  p.yRange = y;
}

void SeriesLayer::render(QPainter& painter, const QRectF& rect) {
  Parts& p = *m_parts;
  const QRectF local(QPointF(0, 0), rect.size());
  if (p.chart->size() != rect.size()) {
    p.chart->resize(rect.size());
    p.scene.setSceneRect(local);
  }
  if (p.chart->plotArea() != local) p.chart->setPlotArea(local);
  p.scene.render(&painter, rect, local, Qt::IgnoreAspectRatio);
}

}  // namespace qs
