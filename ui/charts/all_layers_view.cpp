#include "ui/charts/all_layers_view.h"

#include <QComboBox>
#include <QFontMetricsF>
#include <QPainter>
#include <QSignalBlocker>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ui/charts/plot_painter.h"
#include "ui/charts/report_text.h"
#include "ui/support/number_format.h"

namespace qs {
namespace {

constexpr double kFlagFactor = 3;    // errors over 3 times the median are flagged
constexpr double kFlagDecibels = 6;  // so is an SQNR 6 dB under it: half the amplitude
constexpr std::size_t kFewestToFlag = 4;

double axisScale(LayerMetric metric) {
  return metric == LayerMetric::RelativeError || metric == LayerMetric::OutputError ? 100 : 1;
}

double medianOf(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
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
  m_names = names;
  m_indexOf.clear();
  for (int i = 0; i < names.size(); ++i) m_indexOf.insert(names[i], i);
  m_reports.assign(static_cast<std::size_t>(names.size()), nullptr);
  refresh();
}

void AllLayersView::setReports(const std::vector<LayerReportPtr>& reports, const MethodStyle& style) {
  m_style = style;
  std::fill(m_reports.begin(), m_reports.end(), nullptr);
  for (const LayerReportPtr& report : reports)
    if (report) place(report);
  refresh();
}

void AllLayersView::addReport(const LayerReportPtr& report) {
  if (!report) return;
  place(report);
  refresh();
}

void AllLayersView::place(const LayerReportPtr& report) {
  const QString name = QString::fromStdString(report->name);
  auto found = m_indexOf.find(name);
  if (found == m_indexOf.end()) {
    found = m_indexOf.insert(name, static_cast<int>(m_names.size()));
    m_names += name;
    m_reports.push_back(nullptr);
  }
  m_reports[static_cast<std::size_t>(*found)] = report;
}

int AllLayersView::reportCount() const {
  return static_cast<int>(
      std::count_if(m_reports.begin(), m_reports.end(), [](const auto& r) { return r != nullptr; }));
}

void AllLayersView::refresh() {
  m_places.clear();
  for (const QString& name : m_names) m_places.push_back(placeOf(name));
  QString text = m_style.name;
  if (!m_names.isEmpty()) {
    if (!text.isEmpty()) text += QStringLiteral("  ·  ");
    text += reportCount() == layerCount()
                ? number::counted(static_cast<std::uint64_t>(layerCount()), tr("1 layer"), tr("%1 layers"))
                : tr("%1 of %2 layers")
                      .arg(number::count(static_cast<std::uint64_t>(reportCount())),
                           number::count(static_cast<std::uint64_t>(layerCount())));
  }
  setHeading(text, tr("All layers"));
  if (m_names.isEmpty()) return setEmpty(tr("No layers yet. Open a model and run a method over it."));
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

void AllLayersView::selectLayer(const QString& name) {
  m_selected = name;
  update();
}

std::optional<double> AllLayersView::valueOf(const LayerReportPtr& report) const {
  if (!report || !report->error.empty()) return {};
  switch (m_metric) {
    case LayerMetric::RelativeError:
      return report->metrics.weightRelativeError;
    case LayerMetric::OutputError:
      return report->metrics.outputRelativeError;
    case LayerMetric::Sqnr:
      return report->metrics.weightSqnrDb;
    case LayerMetric::MeanSquaredError:
      return report->metrics.weightMse;
    case LayerMetric::Bits:
      return report->bitsPerWeight;
  }
  return {};
}

void AllLayersView::updateAxes() {
  std::vector<double> values;
  for (const LayerReportPtr& report : m_reports)
    if (const auto value = valueOf(report); value && std::isfinite(*value)) values.push_back(*value);
  m_flagLimit.reset();
  if (values.size() >= kFewestToFlag && m_metric != LayerMetric::Bits) {
    const double median = medianOf(values);
    m_flagLimit = m_metric == LayerMetric::Sqnr ? median - kFlagDecibels : median * kFlagFactor;
  }
  double high = values.empty() ? 1 : *std::max_element(values.begin(), values.end());
  const double low = values.empty() ? 0 : std::min(0.0, *std::min_element(values.begin(), values.end()));
  if (!(high > low)) high = low + 1;
  const double scale = axisScale(m_metric);
  vertical().full = vertical().view = {low * scale, (high + 0.12 * (high - low)) * scale};
  const std::array titles{tr("weight error (%)"), tr("output error (%)"), tr("SQNR (dB)"), tr("mean squared error"),
                          tr("bits per weight")};
  vertical().title = titles[static_cast<std::size_t>(m_metric)];
  horizontal().setFull({0, static_cast<double>(std::max<qsizetype>(1, m_names.size()))});
}

AxisTicks AllLayersView::blockTicks(const AxisRange& view, int most) const {
  std::vector<std::pair<int, double>> blocks;  // number and middle of each block in view
  for (std::size_t i = 0; i < m_places.size();) {
    std::size_t end = i;
    while (end < m_places.size() && m_places[end].block == m_places[i].block) ++end;
    const double middle = static_cast<double>(i + end) / 2;
    if (m_places[i].block >= 0 && middle >= view.low && middle <= view.high)
      blocks.emplace_back(m_places[i].block, middle);
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
  const auto value = valueOf(m_reports[index]);
  if (!value || !m_flagLimit) return false;
  return m_metric == LayerMetric::Sqnr ? *value < *m_flagLimit : *value > *m_flagLimit;
}

std::optional<std::size_t> AllLayersView::indexAt(double x) const {
  if (x < 0 || x >= static_cast<double>(m_reports.size())) return {};
  return static_cast<std::size_t>(x);
}

QRectF AllLayersView::barRect(std::size_t index, const QRectF& rect) const {
  const auto left = static_cast<double>(index);
  const double value = std::min(valueOf(m_reports[index]).value_or(0) * axisScale(m_metric), yAxis().view.high);
  const QPointF a = mapped({left, value}, rect);
  const QPointF b = mapped({left + 1, 0}, rect);
  const double gap = b.x() - a.x() > 4 ? std::min(3.0, (b.x() - a.x()) * 0.16) : 0;
  return QRectF(QPointF(a.x() + gap, a.y()), QPointF(b.x() - gap, b.y())).normalized();
}

void AllLayersView::drawData(QPainter& painter, const PlotFrame& frame) const {
  painter.setRenderHint(QPainter::Antialiasing, frame.rect.width() / xAxis().view.span() < 6);
  for (std::size_t i = 1; i < m_places.size(); ++i) {
    if (m_places[i].block == m_places[i - 1].block) continue;
    const double at = mapped({static_cast<double>(i), 0}, frame.rect).x();
    painter.setPen(QPen(frame.colors.grid, 1));
    painter.drawLine(QPointF(at, frame.rect.top()), QPointF(at, frame.rect.bottom()));
  }
  for (std::size_t i = 0; i < m_reports.size(); ++i) drawBar(painter, frame, i);
}

void AllLayersView::drawBar(QPainter& painter, const PlotFrame& frame, std::size_t index) const {
  const QRectF bar = barRect(index, frame.rect);
  if (bar.right() < frame.rect.left() || bar.left() > frame.rect.right()) return;
  const LayerReportPtr& report = m_reports[index];
  const bool failed = report && !report->error.empty();
  if (m_names[static_cast<qsizetype>(index)] == m_selected) {
    QColor ground = frame.colors.selection;
    ground.setAlphaF(0.22F);
    const QRectF column(bar.left() - 2, frame.rect.top(), bar.width() + 4, frame.rect.height());
    painter.fillRect(column, ground);
    painter.fillRect(QRectF(column.left(), column.top(), column.width(), 3), frame.colors.selection);
  }
  if (failed) {
    const QRectF full(bar.left(), frame.rect.top() + 16, std::max(1.0, bar.width()), frame.rect.height() - 16);
    painter.fillRect(full, QBrush(frame.colors.failure, Qt::BDiagPattern));
  } else if (valueOf(report)) {
    painter.fillRect(bar, frame.colors.linear(m_places[index].kind));
  }
  if (!failed && !isFlagged(index)) return;
  const QPointF mark(bar.center().x(), failed ? frame.rect.top() + 8 : std::max(bar.top() - 8, frame.rect.top() + 8));
  painter.setRenderHint(QPainter::Antialiasing, true);
  drawMarker(painter, mark, 4, failed ? Marker::Cross : Marker::TriangleDown,
             failed ? frame.colors.failure : frame.colors.warning, frame.colors.base);
}

std::vector<PlotEntry> AllLayersView::legend(const Palette& colors) const {
  std::vector<PlotEntry> entries;
  for (int kind = 0; kind <= 7; ++kind)
    if (std::any_of(m_places.begin(), m_places.end(), [kind](const LayerPlace& p) { return p.kind == kind; }))
      entries.push_back({.color = colors.linear(kind), .label = kindName(kind), .swatch = Swatch::Area});
  bool flagged = false;
  bool failed = false;
  for (std::size_t i = 0; i < m_reports.size(); ++i) {
    flagged = flagged || isFlagged(i);
    failed = failed || (m_reports[i] && !m_reports[i]->error.empty());
  }
  if (flagged)
    entries.push_back({.color = colors.warning,
                       .label = m_metric == LayerMetric::Sqnr ? tr("6 dB under the median") : tr("over 3× the median"),
                       .swatch = Swatch::Point,
                       .marker = Marker::TriangleDown});
  if (failed)
    entries.push_back(
        {.color = colors.failure, .label = tr("failed"), .swatch = Swatch::Point, .marker = Marker::Cross});
  return entries;
}

std::optional<PlotReadout> AllLayersView::readoutAt(const QPointF& at) const {
  const auto index = indexAt(at.x());
  if (!index) return {};
  const LayerReportPtr& report = m_reports[*index];
  PlotReadout readout{m_names[static_cast<qsizetype>(*index)], {}, {static_cast<double>(*index) + 0.5, at.y()}};
  const auto add = [&readout](const QString& label, const QString& value) {
    readout.entries.push_back({.label = label, .value = value});
  };
  if (!report) {
    add(tr("not computed yet"), {});
  } else if (!report->error.empty()) {
    add(tr("failed"), QFontMetricsF(font()).elidedText(QString::fromStdString(report->error), Qt::ElideRight, 320));
  } else {
    add(tr("relative weight error"), number::percent(report->metrics.weightRelativeError));
    add(tr("relative output error"), number::percent(report->metrics.outputRelativeError));
    add(tr("SQNR"), number::decibels(report->metrics.weightSqnrDb));
    add(tr("bits per weight"), number::bits(report->bitsPerWeight));
    if (isFlagged(*index))
      add(tr("flagged"), m_metric == LayerMetric::Sqnr ? tr("6 dB under the median") : tr("over 3× the median"));
  }
  return readout;
}

QPointF AllLayersView::stepFrom(const QPointF& at, int dx, int /*dy*/) const {
  return {std::clamp(std::floor(at.x()) + dx, 0.0, static_cast<double>(m_reports.size() - 1)) + 0.5, at.y()};
}

void AllLayersView::activate(const QPointF& at) {
  const auto index = indexAt(at.x());
  if (!index) return;
  selectLayer(m_names[static_cast<qsizetype>(*index)]);
  Q_EMIT layerSelected(m_selected);
}

QStringList AllLayersView::worstFirst() const {
  std::vector<std::pair<double, int>> order;
  for (std::size_t i = 0; i < m_reports.size(); ++i) {
    if (!m_reports[i]) continue;
    const double sign = m_metric == LayerMetric::Sqnr ? -1 : 1;
    if (!m_reports[i]->error.empty())
      order.emplace_back(-std::numeric_limits<double>::infinity(), static_cast<int>(i));
    else if (const auto value = valueOf(m_reports[i]))
      order.emplace_back(-sign * *value, static_cast<int>(i));
  }
  std::sort(order.begin(), order.end());
  QStringList names;
  for (const auto& [value, index] : order) names += m_names[index];
  return names;
}

PlotTable AllLayersView::tableData() const {
  PlotTable table{heading(),
                  {tr("layer"), tr("relative weight error"), tr("relative output error"), tr("SQNR (dB)"),
                   tr("mean squared error"), tr("bits per weight"), tr("failed")},
                  {}};
  for (std::size_t i = 0; i < m_reports.size(); ++i) {
    std::vector<PlotCell> row(7);
    row[0] = m_names[static_cast<qsizetype>(i)];
    if (const LayerReportPtr& report = m_reports[i]; report && report->error.empty()) {
      row[1] = report->metrics.weightRelativeError;
      if (report->metrics.outputRelativeError) row[2] = *report->metrics.outputRelativeError;
      row[3] = report->metrics.weightSqnrDb;
      row[4] = report->metrics.weightMse;
      row[5] = report->bitsPerWeight;
    } else if (report) {
      row[6] = QString::fromStdString(report->error);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace qs
