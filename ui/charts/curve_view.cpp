#include "ui/charts/curve_view.h"

#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

#include "ui/charts/series_layer.h"
#include "ui/support/number_format.h"

namespace qs {
namespace {

constexpr int kMostCurves = 8;
constexpr std::size_t kMostPoints = 1024;  // beyond it a line costs more than a frame

/// At most kMostPoints points, the extremes of each stretch kept.
QList<QPointF> decimated(const MethodCurve& curve) {
  QList<QPointF> points;
  const std::size_t count = std::min(curve.x.size(), curve.y.size());
  const std::size_t stretch = (2 * count + kMostPoints - 1) / kMostPoints;
  if (count <= kMostPoints) {
    for (std::size_t i = 0; i < count; ++i)
      if (std::isfinite(curve.y[i])) points.emplace_back(curve.x[i], curve.y[i]);
    return points;
  }
  for (std::size_t start = 0; start < count; start += stretch) {
    const auto first = curve.y.begin() + static_cast<std::ptrdiff_t>(start);
    const auto last = curve.y.begin() + static_cast<std::ptrdiff_t>(std::min(count, start + stretch));
    const auto [low, high] = std::minmax_element(first, last);
    for (const auto& at : {std::min(low, high), std::max(low, high)})
      if (std::isfinite(*at)) points.emplace_back(curve.x[static_cast<std::size_t>(at - curve.y.begin())], *at);
  }
  return points;
}

}  // namespace

CurveView::CurveView(QWidget* parent) : PlotView(parent), m_layer(std::make_unique<SeriesLayer>()) {
  for (int i = 0; i < kMostCurves; ++i) m_layer->addLine();
  setCurves({}, {});
}

CurveView::~CurveView() = default;

bool CurveView::hasData() const {
  return std::any_of(m_curves.begin(), m_curves.end(), [](const MethodCurve& c) { return !c.x.empty(); });
}

void CurveView::setCurves(const std::vector<MethodCurve>& curves, const QString& heading, const MethodStyle& style) {
  m_curves.assign(curves.begin(), curves.begin() + std::min<std::ptrdiff_t>(kMostCurves, std::ssize(curves)));
  m_style = style;
  setHeading(heading, tr("Curves"));
  if (!hasData()) return setEmpty(tr("This method leaves no curves for this layer."));
  AxisRange x{1e300, -1e300};
  AxisRange y{1e300, -1e300};
  for (int i = 0; i < kMostCurves; ++i) {
    const bool used = i < static_cast<int>(m_curves.size());
    const QList<QPointF> points = used ? decimated(m_curves[static_cast<std::size_t>(i)]) : QList<QPointF>();
    m_layer->setPoints(i, points, -1e300);
    for (const QPointF& point : points) {
      x = {std::min(x.low, point.x()), std::max(x.high, point.x())};
      y = {std::min(y.low, point.y()), std::max(y.high, point.y())};
    }
  }
  if (!(x.high > x.low)) x = {x.low - 0.5, x.low + 0.5};
  const double room = y.high > y.low ? 0.07 * (y.high - y.low) : std::max(1e-12, std::abs(y.low) * 0.1);
  horizontal().title = QString::fromStdString(m_curves.front().xLabel);
  vertical().title = QString::fromStdString(m_curves.front().yLabel);
  horizontal().setFull(x);
  vertical().setFull({y.low - room, y.high + room});
  showData();
}

QColor CurveView::colorOf(std::size_t curve, const Palette& colors) const {
  return m_curves.size() == 1 ? colors.method(m_style.slot) : colors.linear(static_cast<int>(curve % 7));
}

void CurveView::drawData(QPainter& painter, const PlotFrame& frame) const {
  for (std::size_t i = 0; i < m_curves.size(); ++i) {
    QPen pen(colorOf(i, frame.colors), 1.8);
    if (!frame.vector) {
      m_layer->setPen(static_cast<int>(i), pen);
      continue;
    }
    QPainterPath path;
    for (const QPointF& point : decimated(m_curves[i])) {
      const QPointF at = mapped(point, frame.rect);
      path.elementCount() == 0 ? path.moveTo(at) : path.lineTo(at);
    }
    painter.strokePath(path, pen);
  }
  if (frame.vector) return;
  m_layer->setRanges(xAxis().view, yAxis().view, false);
  m_layer->render(painter, frame.rect);
}

std::vector<PlotEntry> CurveView::legend(const Palette& colors) const {
  std::vector<PlotEntry> entries;
  for (std::size_t i = 0; i < m_curves.size(); ++i)
    entries.push_back({.color = colorOf(i, colors), .label = QString::fromStdString(m_curves[i].title)});
  return entries;
}

std::optional<PlotReadout> CurveView::readoutAt(const QPointF& at) const {
  if (!hasData()) return {};
  const MethodCurve& lead = m_curves.front();
  if (lead.x.empty()) return {};
  const auto nearestIn = [&at](const MethodCurve& curve) {
    const auto found = std::min_element(curve.x.begin(), curve.x.end(), [&at](double a, double b) {
      return std::abs(a - at.x()) < std::abs(b - at.x());
    });
    return static_cast<std::size_t>(found - curve.x.begin());
  };
  const double x = lead.x[nearestIn(lead)];
  PlotReadout readout{
      QString::fromStdString(lead.xLabel) + QLatin1Char(' ') + number::significant(x, 4), {}, {x, at.y()}};
  for (std::size_t i = 0; i < m_curves.size(); ++i) {
    PlotEntry entry = legend(colors())[i];
    const std::size_t index = nearestIn(m_curves[i]);
    if (index < m_curves[i].y.size()) entry.value = number::significant(m_curves[i].y[index], 4);
    readout.entries.push_back(entry);
  }
  if (m_curves.size() == 1 && nearestIn(lead) < lead.y.size()) readout.anchor.setY(lead.y[nearestIn(lead)]);
  return readout;
}

QPointF CurveView::stepFrom(const QPointF& at, int dx, int /*dy*/) const {
  const auto& xs = m_curves.front().x;
  if (xs.empty() || dx == 0) return at;
  std::optional<double> next;
  for (const double x : xs)
    if ((x - at.x()) * dx > 1e-12 * std::abs(at.x()) && (!next || std::abs(x - at.x()) < std::abs(*next - at.x())))
      next = x;
  return {next.value_or(at.x()), at.y()};
}

PlotTable CurveView::tableData() const {
  PlotTable table{heading(), {tr("curve"), tr("x"), tr("y")}, {}};
  if (!m_curves.empty()) {
    table.headers[1] = QString::fromStdString(m_curves.front().xLabel);
    table.headers[2] = QString::fromStdString(m_curves.front().yLabel);
  }
  for (const MethodCurve& curve : m_curves)
    for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i)
      table.rows.push_back({QString::fromStdString(curve.title), curve.x[i], curve.y[i]});
  return table;
}

}  // namespace qs
