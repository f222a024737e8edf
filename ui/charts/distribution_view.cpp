#include "ui/charts/distribution_view.h"

#include <QKeyEvent>
#include <QPainter>
#include <QPainterPath>
#include <QSignalBlocker>
#include <QToolButton>
#include <algorithm>
#include <cmath>

#include "core/quant/method_registry.h"
#include "ui/charts/mini_histogram.h"
#include "ui/charts/report_text.h"
#include "ui/charts/series_layer.h"
#include "ui/support/number_format.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

constexpr double kFloor = 0.5;  // an empty bin on the log axis
constexpr int kBefore = 0;
constexpr int kAfter = 1;
constexpr int kPinned = 2;

/// Two points a bin: the steps of its outline.
QList<QPointF> outline(const Histogram& histogram) {
  QList<QPointF> points;
  const double width = histogram.binWidth();
  points.reserve(static_cast<qsizetype>(histogram.counts.size()) * 2);
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    const auto count = static_cast<double>(histogram.counts[i]);
    points.emplace_back(histogram.low + width * static_cast<double>(i), count);
    points.emplace_back(histogram.low + width * static_cast<double>(i + 1), count);
  }
  return points;
}

std::optional<std::size_t> binAt(const Histogram& histogram, double x) {
  if (histogram.counts.empty() || x < histogram.low || x > histogram.high) return {};
  const auto bin = static_cast<std::size_t>((x - histogram.low) / histogram.binWidth());
  return std::min(bin, histogram.counts.size() - 1);
}

QString countAt(const Histogram& histogram, double x) {
  const auto bin = binAt(histogram, x);
  return bin ? number::count(histogram.counts[*bin]) : QStringLiteral("0");
}

/// Whether the levels are drawn: so many that they can be told apart, and of the weights, not of scaled inputs'
/// weights.
bool areLevelsShown(const LayerReport& report) {
  constexpr std::size_t kMostLevels = 64;
  const MethodInfo* method = findMethod(report.method);
  return !report.levels.empty() && report.levels.size() <= kMostLevels && (method == nullptr || !method->scalesInputs);
}

}  // namespace

DistributionView::DistributionView(QWidget* parent) : PlotView(parent), m_layer(std::make_unique<SeriesLayer>()) {
  m_layer->addArea();
  m_layer->addLine();
  m_layer->addLine();
  m_logButton = new QToolButton;
  m_logButton->setText(tr("Log y"));
  m_logButton->setToolTip(
      wrappedToolTip(tr("Counts on a logarithmic axis (L). Empty bins are drawn at the floor, 0.5.")));
  m_logButton->setCheckable(true);
  m_logButton->setChecked(true);
  m_logButton->setAccessibleName(tr("Logarithmic counts"));
  connect(m_logButton, &QToolButton::toggled, this, &DistributionView::setLogarithmic);
  addControl(m_logButton);
  vertical().zoomable = false;
  horizontal().title = tr("weight");
  horizontal().grid = false;
  setReport(nullptr);
}

DistributionView::~DistributionView() = default;

bool DistributionView::hasData() const { return m_report && !m_report->before.counts.empty(); }

int DistributionView::pointCount(int series) const { return m_layer->pointCount(series); }

void DistributionView::setReport(LayerReportPtr report, const MethodStyle& style) {
  const bool sameLayer = m_report && report && m_report->name == report->name;
  m_report = std::move(report);
  m_style = style;
  setHeading(m_report ? layerHeading(*m_report, style) : QString(), tr("Distribution of the weights"));
  refresh();
  if (!sameLayer) resetZoom();
}

void DistributionView::setComparison(LayerReportPtr pinned, const MethodStyle& style) {
  m_pinned = std::move(pinned);
  m_pinnedStyle = style;
  refresh();
}

void DistributionView::setLogarithmic(bool log) {
  if (m_log == log) return;
  m_log = log;
  const QSignalBlocker block(m_logButton);
  m_logButton->setChecked(log);
  // No point may lie on a logarithmic axis at 0, not even between two steps of the switch.
  for (const int series : {kBefore, kAfter, kPinned}) m_layer->setPoints(series, {}, kFloor);
  m_layer->setRanges(xAxis().view, log ? AxisRange{kFloor, 10} : AxisRange{0, 10}, log);
  refresh();
  Q_EMIT logarithmicChanged(log);
}

void DistributionView::refresh() {
  const double floor = m_log ? kFloor : 0;
  m_layer->setPoints(kBefore, m_report ? outline(m_report->before) : QList<QPointF>(), floor);
  m_layer->setPoints(kAfter, m_report ? outline(m_report->after) : QList<QPointF>(), floor);
  m_layer->setPoints(kPinned, m_report && m_pinned ? outline(m_pinned->after) : QList<QPointF>(), floor);
  if (!m_report) return setEmpty(tr("No layer selected. Pick one in the model tree."));
  if (!m_report->error.empty()) return setFailed(QString::fromStdString(m_report->error));
  if (!hasData()) return setEmpty(tr("This layer has no histogram."));
  updateAxes();
  showData();
}

void DistributionView::updateAxes() {
  const Histogram& before = m_report->before;
  const double low = before.low;
  const double high = before.high > low ? before.high : low + 1;
  horizontal().setFull({low, high});
  double most = std::max(largestCount(before), largestCount(m_report->after));
  if (m_pinned) most = std::max(most, largestCount(m_pinned->after));
  vertical().log = m_log;
  vertical().title = tr("weights per bin");
  const AxisRange range = m_log ? AxisRange{kFloor, wholeDecades(1, std::max(most, 2.0) * 1.05).high}
                                : AxisRange{0, std::max(most, 1.0) * 1.06};
  vertical().full = vertical().view = range;
}

void DistributionView::drawData(QPainter& painter, const PlotFrame& frame) const {
  if (frame.vector) {
    drawPaths(painter, frame);
  } else {
    QPen after(frame.colors.method(m_style.slot), 1.6);
    QPen pinned(frame.colors.method(m_pinnedStyle.slot), 1.6);
    pinned.setDashPattern({4, 2.5});
    m_layer->setPen(kBefore, Qt::NoPen, frame.colors.before);
    m_layer->setPen(kAfter, after);
    m_layer->setPen(kPinned, pinned);
    m_layer->setRanges(xAxis().view, yAxis().view, m_log);
    m_layer->render(painter, frame.rect);
  }
  drawLevels(painter, frame);
}

void DistributionView::drawPaths(QPainter& painter, const PlotFrame& frame) const {
  const auto path = [&](const Histogram& histogram, bool closed) {
    QPainterPath result;
    const double floor = yAxis().view.low;
    const QList<QPointF> points = outline(histogram);
    if (points.isEmpty()) return result;
    if (closed) result.moveTo(mapped({points.first().x(), floor}, frame.rect));
    for (const QPointF& point : points) {
      const QPointF at = mapped({point.x(), std::max(point.y(), floor)}, frame.rect);
      result.elementCount() == 0 ? result.moveTo(at) : result.lineTo(at);
    }
    if (closed) result.lineTo(mapped({points.last().x(), floor}, frame.rect));
    return result;
  };
  painter.fillPath(path(m_report->before, true), frame.colors.before);
  painter.strokePath(path(m_report->after, false), QPen(frame.colors.method(m_style.slot), 1.6));
  if (!m_pinned) return;
  QPen pinned(frame.colors.method(m_pinnedStyle.slot), 1.6);
  pinned.setDashPattern({4, 2.5});
  painter.strokePath(path(m_pinned->after, false), pinned);
}

void DistributionView::drawLevels(QPainter& painter, const PlotFrame& frame) const {
  if (!areLevelsShown(*m_report)) return;
  QPainterPath marks;
  for (const float level : m_report->levels) {
    const double x = frame.rect.left() + xAxis().fractionOf(level) * frame.rect.width();
    marks.moveTo(x, frame.rect.top());
    marks.lineTo(x, frame.rect.top() + 7);
  }
  painter.strokePath(marks, QPen(frame.colors.mutedText, 1));
}

QString DistributionView::pinnedLabel() const {
  return m_pinnedStyle.name.isEmpty() ? tr("B after") : tr("B after: %1").arg(m_pinnedStyle.name);
}

std::vector<PlotEntry> DistributionView::legend(const Palette& colors) const {
  if (!hasData()) return {};
  std::vector<PlotEntry> entries{{.color = colors.before, .label = tr("before"), .swatch = Swatch::Area}};
  if (!m_report->after.counts.empty())
    entries.push_back({.color = colors.method(m_style.slot), .label = m_pinned ? tr("A after") : tr("after")});
  if (m_pinned && !m_pinned->after.counts.empty())
    entries.push_back(
        {.color = colors.method(m_pinnedStyle.slot), .label = pinnedLabel(), .swatch = Swatch::DashedLine});
  if (areLevelsShown(*m_report))
    entries.push_back({.label = tr("%1 levels of a typical group (ticks at the top)").arg(m_report->levels.size())});
  return entries;
}

std::optional<PlotReadout> DistributionView::readoutAt(const QPointF& at) const {
  if (!hasData()) return {};
  const auto bin = binAt(m_report->before, at.x());
  if (!bin) return {};
  const double width = m_report->before.binWidth();
  const double left = m_report->before.low + width * static_cast<double>(*bin);
  PlotReadout readout;
  readout.title = tr("%1 to %2").arg(number::significant(left), number::significant(left + width));
  readout.anchor = {left + width / 2, at.y()};
  for (const PlotEntry& entry : legend(colors()))
    if (entry.color.isValid()) readout.entries.push_back(entry);
  std::size_t next = 0;
  readout.entries[next++].value = number::count(m_report->before.counts[*bin]);
  if (!m_report->after.counts.empty()) readout.entries[next++].value = countAt(m_report->after, readout.anchor.x());
  if (next < readout.entries.size()) readout.entries[next].value = countAt(m_pinned->after, readout.anchor.x());
  return readout;
}

QPointF DistributionView::stepFrom(const QPointF& at, int dx, int /*dy*/) const {
  const double width = m_report->before.binWidth();
  const auto bin = static_cast<double>(binAt(m_report->before, at.x()).value_or(0));
  const auto last = static_cast<double>(m_report->before.counts.size() - 1);
  return {m_report->before.low + width * (std::clamp(bin + dx, 0.0, last) + 0.5), at.y()};
}

void DistributionView::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_L && event->modifiers() == Qt::NoModifier) return setLogarithmic(!m_log);
  PlotView::keyPressEvent(event);
}

PlotTable DistributionView::tableData() const {
  PlotTable table{heading(), {tr("bin low"), tr("bin high"), tr("before (count)")}, {}};
  if (!hasData()) return table;
  const bool quantized = !m_report->after.counts.empty();
  const bool pinned = m_pinned && m_pinned->after.counts.size() == m_report->before.counts.size() &&
                      m_pinned->after.low == m_report->before.low && m_pinned->after.high == m_report->before.high;
  if (quantized) table.headers += tr("after (count)");
  if (pinned) table.headers += tr("B after (count)");
  const double width = m_report->before.binWidth();
  for (std::size_t i = 0; i < m_report->before.counts.size(); ++i) {
    const double left = m_report->before.low + width * static_cast<double>(i);
    std::vector<PlotCell> row{left, left + width, static_cast<double>(m_report->before.counts[i])};
    if (quantized) row.emplace_back(static_cast<double>(m_report->after.counts[i]));
    if (pinned) row.emplace_back(static_cast<double>(m_pinned->after.counts[i]));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace qs
