#include "ui/charts/all_layers_view.h"

#include <QComboBox>
#include <QPainter>
#include <QSignalBlocker>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "ui/charts/plot_painter.h"
#include "ui/charts/report_text.h"
#include "ui/support/number_format.h"

namespace qs {
namespace {

constexpr double kFlagFactor = 3;    // errors over 3 times the median are flagged
constexpr double kFlagDecibels = 6;  // so is an SQNR 6 dB under it: half the amplitude
constexpr std::size_t kFewestToFlag = 4;
constexpr double kRoom = 1.12;  // above the highest bar, for its mark

double medianOf(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

PlotCell cellOf(const std::optional<double>& value) { return value ? PlotCell(*value) : PlotCell(); }

PlotCell failureCell(const LayerReportPtr& report) {
  return report && !report->error.empty() ? PlotCell(QString::fromStdString(report->error)) : PlotCell();
}

/// Colour of a difference of −1…1. The root keeps small ones apart from none.
QColor signedColor(const Palette& colors, double share) {
  const double root = std::copysign(std::sqrt(std::min(1.0, std::abs(share))), share);
  return QColor::fromRgb(colors.signedErrors()[static_cast<std::size_t>(std::lround((root + 1) / 2 * 255))]);
}

}  // namespace

AllLayersView::AllLayersView(QWidget* parent) : PlotView(parent) {
  m_choice = new QComboBox;
  m_choice->addItems({tr("Relative weight error"), tr("Relative output error"), tr("SQNR"), tr("Mean squared error"),
                      tr("Bits per weight")});
  m_choice->setAccessibleName(tr("Metric of the layers"));
  connect(m_choice, &QComboBox::currentIndexChanged, this,
          [this](int index) { setMetric(static_cast<LayerMetric>(index)); });
  addControl(m_choice);
  horizontal().grid = false;
  horizontal().title = tr("block");
  horizontal().customTicks = [this](const AxisRange& view, int most) { return blockTicks(view, most); };
  vertical().zoomable = false;
  refresh();
}

void AllLayersView::setLayers(const QStringList& names) {
  m_layers.setNames(names);
  refresh();
}

void AllLayersView::setReports(const std::vector<LayerReportPtr>& reports, const MethodStyle& style) {
  m_style = style;
  m_layers.setReports(reports);
  refresh();
}

void AllLayersView::setStyle(const MethodStyle& style) {
  if (m_style == style) return;
  m_style = style;
  refresh();
}

void AllLayersView::addReport(const LayerReportPtr& report) {
  m_layers.place(report);
  refresh();
}

void AllLayersView::setPinned(const std::vector<LayerReportPtr>& reports, const MethodStyle& style) {
  m_pinned = {};
  m_pinned.setReports(reports);
  m_pinnedStyle = style;
  refresh();
}

QString AllLayersView::headingText() const {
  if (showsDifference()) return m_layers.heading(tr("A − B: %1 − %2").arg(m_style.name, m_pinnedStyle.name));
  return m_layers.heading(m_pinned.isEmpty() ? m_style.name : tr("A: %1").arg(m_style.name));
}

void AllLayersView::refresh() {
  setHeading(headingText(), tr("All layers"));
  if (m_layers.isEmpty()) return setEmpty(tr("No layers yet. Open a model and run a method over it."));
  updateAxes();
  showData();
}

void AllLayersView::setMetric(LayerMetric metric) {
  if (m_metric == metric) return;
  m_metric = metric;
  const QSignalBlocker block(m_choice);
  m_choice->setCurrentIndex(static_cast<int>(metric));
  refresh();
}

void AllLayersView::setDifference(bool shown) {
  if (m_wantsDifference == shown) return;
  m_wantsDifference = shown;
  refresh();
}

void AllLayersView::selectLayer(const QString& name) {
  m_selected = name;
  update();
}

std::optional<double> AllLayersView::shownValue(std::size_t index) const {
  const auto own = valueOf(m_layers.report(index), m_metric);
  if (!showsDifference()) return own;
  const auto pinned = valueOf(pinnedReport(index), m_metric);
  if (!own || !pinned || std::isnan(*own - *pinned)) return {};
  return *own - *pinned;
}

bool AllLayersView::isFailed(std::size_t index) const {
  const auto failed = [](const LayerReportPtr& report) { return report && !report->error.empty(); };
  return failed(m_layers.report(index)) || (showsDifference() && failed(pinnedReport(index)));
}

void AllLayersView::updateAxes() {
  std::vector<double> values;
  for (std::size_t i = 0; i < m_layers.size(); ++i)
    if (const auto value = shownValue(i); value && std::isfinite(*value)) values.push_back(*value);
  m_flagLimit.reset();
  if (values.size() >= kFewestToFlag && m_metric != LayerMetric::Bits && !showsDifference()) {
    const double median = medianOf(values);
    m_flagLimit = m_metric == LayerMetric::Sqnr ? median - kFlagDecibels : median * kFlagFactor;
  }
  setVerticalRange(values);
  vertical().title = showsDifference() ? differenceTitle(m_metric) : metricTitle(m_metric);
  horizontal().setFull({0, static_cast<double>(std::max<std::size_t>(1, m_layers.size()))});
}

void AllLayersView::setVerticalRange(const std::vector<double>& values) {
  const auto [least, most] = std::ranges::minmax_element(values);
  const double low = values.empty() ? 0 : std::min(0.0, *least);
  double high = values.empty() ? 1 : *most;
  if (!(high > low)) high = low + 1;
  m_largest = std::max(-low, high);
  const double scale = axisScale(m_metric);
  const double rise = showsDifference() ? m_largest * kRoom : high + (kRoom - 1) * (high - low);
  vertical().full = vertical().view = {(showsDifference() ? -rise : low) * scale, rise * scale};
}

AxisTicks AllLayersView::blockTicks(const AxisRange& view, int most) const {
  std::vector<std::pair<int, double>> blocks;  // number and middle of each block in view
  for (std::size_t i = 0; i < m_layers.size();) {
    std::size_t end = i;
    while (end < m_layers.size() && m_layers.where(end).block == m_layers.where(i).block) ++end;
    const double middle = static_cast<double>(i + end) / 2;
    if (m_layers.where(i).block >= 0 && middle >= view.low && middle <= view.high)
      blocks.emplace_back(m_layers.where(i).block, middle);
    i = end;
  }
  AxisTicks ticks;
  const auto shown = static_cast<std::size_t>(most >= kMostTicks ? 3 * most : most);
  const std::size_t every = std::max<std::size_t>(1, (blocks.size() + shown - 1) / shown);
  for (std::size_t i = 0; i < blocks.size(); i += every) {
    ticks.major.push_back(blocks[i].second);
    ticks.labels.push_back(QString::number(blocks[i].first));
  }
  return ticks;
}

bool AllLayersView::isFlagged(std::size_t index) const {
  const auto value = shownValue(index);
  if (!value || !m_flagLimit) return false;
  return m_metric == LayerMetric::Sqnr ? *value < *m_flagLimit : *value > *m_flagLimit;
}

QString AllLayersView::flagText() const {
  return m_metric == LayerMetric::Sqnr ? tr("6 dB under the median") : tr("over 3× the median");
}

std::optional<std::size_t> AllLayersView::indexAt(double x) const {
  if (x < 0 || x >= static_cast<double>(m_layers.size())) return {};
  return static_cast<std::size_t>(x);
}

QRectF AllLayersView::barRect(std::size_t index, const QRectF& rect) const {
  const auto left = static_cast<double>(index);
  const AxisRange& view = yAxis().view;
  const double value = std::clamp(shownValue(index).value_or(0) * axisScale(m_metric), view.low, view.high);
  const QPointF a = mapped({left, value}, rect);
  const QPointF b = mapped({left + 1, 0}, rect);
  const double gap = b.x() - a.x() > 4 ? std::min(3.0, (b.x() - a.x()) * 0.16) : 0;
  return QRectF(QPointF(a.x() + gap, a.y()), QPointF(b.x() - gap, b.y())).normalized();
}

void AllLayersView::drawData(QPainter& painter, const PlotFrame& frame) const {
  painter.setRenderHint(QPainter::Antialiasing, frame.rect.width() / xAxis().view.span() < 6);
  drawBlocks(painter, frame);
  for (std::size_t i = 0; i < m_layers.size(); ++i) drawBar(painter, frame, i);
  if (!showsDifference()) return;
  const double zero = mapped({0, 0}, frame.rect).y();
  painter.setPen(QPen(frame.colors.axis, 1));
  painter.drawLine(QPointF(frame.rect.left(), zero), QPointF(frame.rect.right(), zero));
}

void AllLayersView::drawBlocks(QPainter& painter, const PlotFrame& frame) const {
  painter.setPen(QPen(frame.colors.grid, 1));
  for (std::size_t i = 1; i < m_layers.size(); ++i) {
    if (m_layers.where(i).block == m_layers.where(i - 1).block) continue;
    const double at = mapped({static_cast<double>(i), 0}, frame.rect).x();
    painter.drawLine(QPointF(at, frame.rect.top()), QPointF(at, frame.rect.bottom()));
  }
}

void AllLayersView::drawSelection(QPainter& painter, const PlotFrame& frame, const QRectF& bar) const {
  QColor ground = frame.colors.selection;
  ground.setAlphaF(0.22F);
  const QRectF column(bar.left() - 2, frame.rect.top(), bar.width() + 4, frame.rect.height());
  painter.fillRect(column, ground);
  painter.fillRect(QRectF(column.left(), column.top(), column.width(), 3), frame.colors.selection);
}

QColor AllLayersView::barColor(std::size_t index, const Palette& colors) const {
  if (!showsDifference()) return colors.linear(m_layers.where(index).kind);
  return signedColor(colors, shownValue(index).value_or(0) / m_largest);
}

void AllLayersView::drawBar(QPainter& painter, const PlotFrame& frame, std::size_t index) const {
  const QRectF bar = barRect(index, frame.rect);
  if (bar.right() < frame.rect.left() || bar.left() > frame.rect.right()) return;
  const bool failed = isFailed(index);
  if (m_layers.name(index) == m_selected) drawSelection(painter, frame, bar);
  if (failed) {
    const QRectF full(bar.left(), frame.rect.top() + 16, std::max(1.0, bar.width()), frame.rect.height() - 16);
    painter.fillRect(full, QBrush(frame.colors.failure, Qt::BDiagPattern));
  } else if (shownValue(index)) {
    painter.fillRect(bar, barColor(index, frame.colors));
  }
  if (!failed && !isFlagged(index)) return;
  const QPointF mark(bar.center().x(), failed ? frame.rect.top() + 8 : std::max(bar.top() - 8, frame.rect.top() + 8));
  painter.setRenderHint(QPainter::Antialiasing, true);
  drawMarker(painter, mark, 4, failed ? Marker::Cross : Marker::TriangleDown,
             failed ? frame.colors.failure : frame.colors.warning, frame.colors.base);
}

std::vector<PlotEntry> AllLayersView::kindEntries(const Palette& colors) const {
  std::vector<PlotEntry> entries;
  std::set<int> told;
  for (std::size_t i = 0; i < m_layers.size(); ++i) {
    const int kind = m_layers.where(i).kind;
    if (told.insert(kind).second)
      entries.push_back({.color = colors.linear(kind), .label = kindName(kind), .swatch = Swatch::Area});
  }
  return entries;
}

std::vector<PlotEntry> AllLayersView::differenceEntries(const Palette& colors) const {
  const bool moreIsBetter = preference(m_metric) > 0;
  QStringList labels{tr("A lower: better than B"), tr("A higher: worse than B")};
  if (moreIsBetter) labels = {tr("A lower: worse than B"), tr("A higher: better than B")};
  if (m_metric == LayerMetric::Bits) labels = {tr("A lower than B"), tr("A higher than B")};
  return {{.color = signedColor(colors, -1), .label = labels[0], .swatch = Swatch::Area},
          {.color = signedColor(colors, 1), .label = labels[1], .swatch = Swatch::Area}};
}

std::vector<PlotEntry> AllLayersView::legend(const Palette& colors) const {
  std::vector<PlotEntry> entries = showsDifference() ? differenceEntries(colors) : kindEntries(colors);
  bool flagged = false;
  bool failed = false;
  for (std::size_t i = 0; i < m_layers.size(); ++i) {
    flagged = flagged || isFlagged(i);
    failed = failed || isFailed(i);
  }
  if (flagged)
    entries.push_back(
        {.color = colors.warning, .label = flagText(), .swatch = Swatch::Point, .marker = Marker::TriangleDown});
  if (failed)
    entries.push_back(
        {.color = colors.failure, .label = tr("failed"), .swatch = Swatch::Point, .marker = Marker::Cross});
  return entries;
}

std::optional<PlotReadout> AllLayersView::readoutAt(const QPointF& at) const {
  const auto index = indexAt(at.x());
  if (!index) return {};
  PlotReadout readout{m_layers.name(*index), {}, {static_cast<double>(*index) + 0.5, at.y()}};
  const LayerReportPtr& report = m_layers.report(*index);
  const bool compares = showsDifference() && report && report->error.empty();
  readout.entries = compares ? comparisonOf(*index) : layerEntries(report, font());
  if (isFlagged(*index)) readout.entries.push_back({.label = tr("flagged"), .value = flagText()});
  return readout;
}

std::vector<PlotEntry> AllLayersView::comparisonOf(std::size_t index) const {
  const LayerReportPtr pinned = pinnedReport(index);
  const auto difference = shownValue(index);
  const QString other = !pinned                 ? tr("not in this run")
                        : pinned->error.empty() ? valueText(m_metric, valueOf(pinned, m_metric))
                                                : tr("failed");
  return {
      {.label = metricLabel(m_metric)},
      {.label = tr("A: %1").arg(m_style.name), .value = valueText(m_metric, valueOf(m_layers.report(index), m_metric))},
      {.label = tr("B: %1").arg(m_pinnedStyle.name), .value = other},
      {.label = tr("A − B"), .value = difference ? differenceText(m_metric, *difference) : number::notMeasured()}};
}

QPointF AllLayersView::stepFrom(const QPointF& at, int dx, int /*dy*/) const {
  return {std::clamp(std::floor(at.x()) + dx, 0.0, static_cast<double>(m_layers.size() - 1)) + 0.5, at.y()};
}

void AllLayersView::activate(const QPointF& at) {
  const auto index = indexAt(at.x());
  if (!index) return;
  selectLayer(m_layers.name(*index));
  Q_EMIT layerSelected(m_selected);
}

QStringList AllLayersView::worstFirst() const {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < m_layers.size(); ++i) {
    if (isFailed(i))
      order.emplace_back(-std::numeric_limits<double>::infinity(), i);
    else if (const auto value = shownValue(i))
      order.emplace_back(preference(m_metric) * *value, i);
  }
  std::sort(order.begin(), order.end());
  QStringList names;
  for (const auto& [value, index] : order) names += m_layers.name(index);
  return names;
}

PlotTable AllLayersView::tableData() const {
  if (showsDifference()) return differenceTable();
  constexpr std::array kMetrics{LayerMetric::RelativeError, LayerMetric::OutputError, LayerMetric::Sqnr,
                                LayerMetric::MeanSquaredError, LayerMetric::Bits};
  PlotTable table{heading(), {tr("layer")}, {}};
  for (const LayerMetric metric : kMetrics) table.headers += metricName(metric);
  table.headers += tr("failed");
  for (std::size_t i = 0; i < m_layers.size(); ++i) {
    const LayerReportPtr& report = m_layers.report(i);
    std::vector<PlotCell> row{m_layers.name(i)};
    for (const LayerMetric metric : kMetrics) row.push_back(cellOf(valueOf(report, metric)));
    row.push_back(failureCell(report));
    table.rows.push_back(std::move(row));
  }
  return table;
}

PlotTable AllLayersView::differenceTable() const {
  const QString metric = metricName(m_metric);
  PlotTable table{
      heading(),
      {tr("layer"), tr("A: %1, %2").arg(m_style.name, metric), tr("B: %1, %2").arg(m_pinnedStyle.name, metric),
       tr("A − B: %1").arg(metric), tr("A failed"), tr("B failed")},
      {}};
  for (std::size_t i = 0; i < m_layers.size(); ++i) {
    const LayerReportPtr& own = m_layers.report(i);
    const LayerReportPtr pinned = pinnedReport(i);
    table.rows.push_back({m_layers.name(i), cellOf(valueOf(own, m_metric)), cellOf(valueOf(pinned, m_metric)),
                          cellOf(shownValue(i)), failureCell(own), failureCell(pinned)});
  }
  return table;
}

}  // namespace qs
