#include "ui/charts/tradeoff_view.h"

#include <QDoubleSpinBox>
#include <QFontMetricsF>
#include <QMouseEvent>
#include <QPainter>
#include <QSignalBlocker>
#include <algorithm>
#include <cmath>

#include "ui/charts/plot_painter.h"
#include "ui/support/number_format.h"

namespace qs {
namespace {

constexpr double kReach = 40;  // pixels from which the crosshair still finds a point
constexpr double kGrip = 5;    // pixels beside the line of the size limit that take hold of it
constexpr int kMostNames = 3;  // of configurations that weren't measured, in the legend

/// The unit in which a size has its first digits before the decimal point, in bytes.
double unitFor(double bytes) { return bytes >= 1e9 ? 1e9 : bytes >= 1e6 ? 1e6 : 1e3; }

QString unitName(double unit) { return QLatin1String(unit == 1e9 ? "GB" : unit == 1e6 ? "MB" : "kB"); }

QString sizeText(double bytes) { return number::size(static_cast<std::uint64_t>(std::max(0.0, bytes))); }

}  // namespace

TradeoffView::TradeoffView(QWidget* parent) : PlotView(parent) {
  horizontal().customTicks = [this](const AxisRange& view, int most) {
    AxisTicks ticks = linearTicks(view.low / m_unit, view.high / m_unit, std::min(most, 8));
    for (double& value : ticks.major) value *= m_unit;
    return ticks;
  };
  m_limit = new QDoubleSpinBox;
  m_limit->setRange(0, 1e6);
  m_limit->setDecimals(2);
  m_limit->setStepType(QAbstractSpinBox::AdaptiveDecimalStepType);
  m_limit->setKeyboardTracking(false);
  m_limit->setSpecialValueText(tr("No size limit"));
  m_limit->setAccessibleName(tr("Size limit"));
  m_limit->setToolTip(tr("Marks which configurations fit. The line can be dragged."));
  connect(m_limit, &QDoubleSpinBox::valueChanged, this, [this](double value) { setBudget(value * m_unit); });
  addControl(m_limit);
  setPoints({}, tr("relative weight error"));
}

void TradeoffView::setPoints(const std::vector<TradeoffPoint>& points, const QString& valueTitle) {
  m_points.clear();
  m_unmeasured.clear();
  for (const TradeoffPoint& point : points) {
    if (!std::isfinite(point.sizeBytes) || point.sizeBytes <= 0) continue;
    if (std::isfinite(point.value)) m_points.push_back(point);
    if (std::isnan(point.value)) m_unmeasured.push_back(point);
  }
  std::stable_sort(m_points.begin(), m_points.end(), [](const auto& a, const auto& b) {
    return a.sizeBytes != b.sizeBytes ? a.sizeBytes < b.sizeBytes : a.value < b.value;
  });
  std::ranges::stable_sort(m_unmeasured, {}, &TradeoffPoint::sizeBytes);
  m_valueTitle = valueTitle;
  vertical().title = valueTitle;
  setHeading(tr("Size against %1").arg(valueTitle), tr("Trade-off"));
  if (m_points.empty()) return setEmpty(tr("No finished run yet. Run two methods or more to compare what they cost."));
  updateAxes();
  showData();
}

void TradeoffView::setBudget(double bytes) {
  m_budget = std::max(0.0, bytes);
  showBudget();
  if (!m_points.empty() && !m_movesBudget) updateAxes();
  update();
}

void TradeoffView::showBudget() {
  const QSignalBlocker block(m_limit);
  m_limit->setSuffix(QStringLiteral(" ") + unitName(m_unit));
  m_limit->setValue(m_budget / m_unit);
}

bool TradeoffView::isOnBudget(const QPointF& position) const {
  const QRectF plot = plotRect();
  return m_budget > 0 && hasData() && plot.contains(position) &&
         std::abs(mapped({m_budget, 0}, plot).x() - position.x()) <= kGrip;
}

void TradeoffView::mousePressEvent(QMouseEvent* event) {
  m_movesBudget = event->button() == Qt::LeftButton && isOnBudget(event->position());
  if (!m_movesBudget) PlotView::mousePressEvent(event);
}

void TradeoffView::mouseMoveEvent(QMouseEvent* event) {
  if (m_movesBudget) {
    const AxisRange& view = xAxis().view;
    return setBudget(std::clamp(toData(event->position()).x(), std::max(view.low, m_unit / 100), view.high));
  }
  setCursor(event->buttons() == Qt::NoButton && isOnBudget(event->position()) ? Qt::SplitHCursor : Qt::ArrowCursor);
  PlotView::mouseMoveEvent(event);
}

void TradeoffView::mouseReleaseEvent(QMouseEvent* event) {
  if (!m_movesBudget) return PlotView::mouseReleaseEvent(event);
  m_movesBudget = false;
  updateAxes();
  update();
}

void TradeoffView::updateAxes() {
  double left = m_points.front().sizeBytes;
  double right = m_points.back().sizeBytes;
  if (!m_unmeasured.empty()) {
    left = std::min(left, m_unmeasured.front().sizeBytes);
    right = std::max(right, m_unmeasured.back().sizeBytes);
  }
  m_unit = unitFor(right);
  showBudget();
  if (m_budget > 0) {
    left = std::min(left, m_budget);
    right = std::max(right, m_budget);
  }
  double low = m_points.front().value;
  double high = low;
  for (const TradeoffPoint& point : m_points) {
    low = std::min(low, point.value - point.uncertainty);
    high = std::max(high, point.value + point.uncertainty);
  }
  const auto padded = [](double a, double b) {
    const double room = b > a ? 0.10 * (b - a) : std::max(std::abs(a) * 0.1, 1e-12);
    return AxisRange{a - room, b + room * 1.2};
  };
  horizontal().setFull(padded(left, right));
  horizontal().title = tr("size of the model (%1)").arg(unitName(m_unit));
  vertical().setFull(padded(low, high));
}

std::vector<TradeoffPoint> TradeoffView::paretoFront() const {
  std::vector<TradeoffPoint> front;
  for (const TradeoffPoint& point : m_points)
    if (front.empty() || point.value < front.back().value) front.push_back(point);
  return front;
}

void TradeoffView::drawData(QPainter& painter, const PlotFrame& frame) const {
  QPolygonF line;
  for (const TradeoffPoint& point : paretoFront()) line << mapped({point.sizeBytes, point.value}, frame.rect);
  painter.setPen(QPen(frame.colors.axis, 1.4));
  painter.drawPolyline(line);
  if (m_budget > 0) {
    const double at = mapped({m_budget, 0}, frame.rect).x();
    painter.setPen(QPen(frame.colors.selection, 1.4, Qt::DashLine));
    painter.drawLine(QPointF(at, frame.rect.top()), QPointF(at, frame.rect.bottom()));
  }
  for (const TradeoffPoint& point : m_unmeasured) {
    const double at = mapped({point.sizeBytes, 0}, frame.rect).x();
    QPen pen(frame.colors.method(point.slot), 2);
    pen.setDashPattern({1, 1.5});
    pen.setCapStyle(Qt::FlatCap);
    painter.setPen(pen);
    painter.drawLine(QPointF(at, frame.rect.top()), QPointF(at, frame.rect.bottom()));
  }
  for (const TradeoffPoint& point : m_points) drawPoint(painter, frame, point);
  drawNames(painter, frame);
}

void TradeoffView::drawPoint(QPainter& painter, const PlotFrame& frame, const TradeoffPoint& point) const {
  const QColor color = frame.colors.method(point.slot);
  const QPointF center = mapped({point.sizeBytes, point.value}, frame.rect);
  if (point.uncertainty > 0) {
    const double top = mapped({point.sizeBytes, point.value + point.uncertainty}, frame.rect).y();
    const double bottom = mapped({point.sizeBytes, point.value - point.uncertainty}, frame.rect).y();
    painter.setPen(QPen(color, 1.4));
    painter.drawLine(QPointF(center.x(), top), QPointF(center.x(), bottom));
    for (const double y : {top, bottom}) painter.drawLine(QPointF(center.x() - 4, y), QPointF(center.x() + 4, y));
  }
  if (point.pinned) {
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(frame.colors.selection, 2));
    painter.drawEllipse(center, 11, 11);
  }
  drawMarker(painter, center, 6.5, point.marker, color, frame.colors.base);
}

std::vector<PlotEntry> TradeoffView::legend(const Palette& colors) const {
  std::vector<PlotEntry> entries;
  if (m_budget > 0)
    entries.push_back(
        {.color = colors.selection, .label = tr("at most %1").arg(sizeText(m_budget)), .swatch = Swatch::DashedLine});
  if (m_unmeasured.empty()) return entries;
  QStringList names;
  for (const TradeoffPoint& point : m_unmeasured) names += point.name;
  names.removeDuplicates();
  const QString text =
      names.size() <= kMostNames ? names.join(QStringLiteral(", ")) : tr("%1 methods").arg(names.size());
  entries.push_back(
      {.color = colors.axis, .label = tr("%1 not measured: %2").arg(m_valueTitle, text), .swatch = Swatch::DottedLine});
  return entries;
}

void TradeoffView::drawNames(QPainter& painter, const PlotFrame& frame) const {
  const QFontMetricsF metrics(painter.font());
  std::vector<QRectF> taken;
  for (const TradeoffPoint& point : m_points) {
    const QPointF center = mapped({point.sizeBytes, point.value}, frame.rect);
    taken.emplace_back(center.x() - 7, center.y() - 7, 14, 14);
  }
  for (const TradeoffPoint& point : m_points) {
    const QPointF center = mapped({point.sizeBytes, point.value}, frame.rect);
    if (!frame.rect.contains(center)) continue;
    const double width = metrics.horizontalAdvance(point.name) + 4;
    const double height = metrics.height();
    const double gap = point.pinned ? 15 : 11;
    for (const QPointF& corner : {QPointF(gap, -height / 2), QPointF(-gap - width, -height / 2),
                                  QPointF(-width / 2, -height - 9), QPointF(-width / 2, 9)}) {
      const QRectF box(center + corner, QSizeF(width, height));
      const bool free = std::none_of(taken.begin(), taken.end(), [&box](const QRectF& r) { return r.intersects(box); });
      if (!free || !frame.rect.contains(box)) continue;
      drawHaloText(painter, box, point.name, frame.colors);
      taken.push_back(box);
      break;
    }
  }
}

std::optional<std::size_t> TradeoffView::nearest(const QPointF& at) const {
  if (m_points.empty()) return {};
  const QRectF plot = plotRect();
  const QPointF cursor = mapped(at, plot);
  std::optional<std::size_t> best;
  double least = kReach;
  for (std::size_t i = 0; i < m_points.size(); ++i) {
    const QPointF away = mapped({m_points[i].sizeBytes, m_points[i].value}, plot) - cursor;
    if (const double distance = std::hypot(away.x(), away.y()); distance <= least) {
      least = distance;
      best = i;
    }
  }
  return best;
}

std::optional<PlotReadout> TradeoffView::readoutAt(const QPointF& at) const {
  const auto index = nearest(at);
  if (!index) return {};
  const TradeoffPoint& point = m_points[*index];
  PlotReadout readout{point.name, {}, {point.sizeBytes, point.value}};
  if (!point.settings.isEmpty()) readout.entries.push_back({.label = point.settings});
  readout.entries.push_back({.label = tr("size"), .value = sizeText(point.sizeBytes)});
  QString value = number::significant(point.value, 4);
  if (point.uncertainty > 0) value += QStringLiteral(" ± ") + number::significant(point.uncertainty, 2);
  readout.entries.push_back({.label = m_valueTitle, .value = value});
  const auto front = paretoFront();
  const bool best = std::any_of(front.begin(), front.end(), [&](const auto& p) { return p.id == point.id; });
  readout.entries.push_back(
      {.label = best ? tr("no other is both smaller and better") : tr("another is smaller and better")});
  if (m_budget > 0)
    readout.entries.push_back(
        {.label = point.sizeBytes <= m_budget ? tr("fits the size limit") : tr("above the size limit")});
  return readout;
}

QPointF TradeoffView::stepFrom(const QPointF& at, int dx, int dy) const {
  std::size_t index = nearest(at).value_or(0);
  const int step = dx != 0 ? dx : dy;
  if (nearest(at) && step > 0) index = std::min(index + 1, m_points.size() - 1);
  if (nearest(at) && step < 0) index = index > 0 ? index - 1 : 0;
  return {m_points[index].sizeBytes, m_points[index].value};
}

void TradeoffView::activate(const QPointF& at) {
  if (const auto index = nearest(at)) Q_EMIT pointSelected(m_points[*index].id);
}

PlotTable TradeoffView::tableData() const {
  PlotTable table{heading(), {tr("method"), tr("settings"), tr("size (bytes)"), m_valueTitle, tr("± uncertainty")}, {}};
  for (const TradeoffPoint& point : m_points) {
    std::vector<PlotCell> row{point.name, point.settings, point.sizeBytes, point.value, {}};
    if (point.uncertainty > 0) row[4] = point.uncertainty;
    table.rows.push_back(std::move(row));
  }
  for (const TradeoffPoint& point : m_unmeasured)
    table.rows.push_back({point.name, point.settings, point.sizeBytes, {}, {}});
  return table;
}

}  // namespace qs
