#include "ui/charts/channels_view.h"

#include <QPainter>
#include <QPainterPath>
#include <QSignalBlocker>
#include <QToolButton>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ui/charts/channel_painting.h"
#include "ui/charts/report_text.h"
#include "ui/support/number_format.h"

namespace qs {
namespace {

QToolButton* toggle(const QString& text, const QString& help, bool on) {
  auto* button = new QToolButton;
  button->setText(text);
  button->setToolTip(help);
  button->setAccessibleName(text);
  button->setCheckable(true);
  button->setChecked(on);
  return button;
}

}  // namespace

ChannelsView::ChannelsView(QWidget* parent) : PlotView(parent) {
  m_sortButton =
      toggle(tr("Sort by max |w|"), tr("Order channels by their largest magnitude, or as they are stored"), true);
  m_errorButton = toggle(tr("Error"), tr("Root mean squared error of each channel after quantization"), false);
  connect(m_sortButton, &QToolButton::toggled, this, &ChannelsView::setSorted);
  connect(m_errorButton, &QToolButton::toggled, this, &ChannelsView::setShowError);
  addControl(m_sortButton);
  addControl(m_errorButton);
  horizontal().whole = true;
  horizontal().grid = false;
  vertical().zoomable = false;
  setReport(nullptr);
}

bool ChannelsView::hasData() const { return m_report && !m_report->channels.absMax.empty(); }

void ChannelsView::setReport(LayerReportPtr report, const MethodStyle& style) {
  const bool sameLayer = m_report && report && m_report->name == report->name;
  m_report = std::move(report);
  m_style = style;
  setHeading(m_report ? layerHeading(*m_report, style) : QString(), tr("Input channels of the weights"));
  rebuild();
  if (!sameLayer) {
    m_highlight.reset();
    resetZoom();
  }
}

void ChannelsView::setSorted(bool sorted) {
  if (m_sorted == sorted) return;
  m_sorted = sorted;
  const QSignalBlocker block(m_sortButton);
  m_sortButton->setChecked(sorted);
  rebuild();
  resetZoom();
}

void ChannelsView::setShowError(bool error) {
  if (m_error == error) return;
  m_error = error;
  const QSignalBlocker block(m_errorButton);
  m_errorButton->setChecked(error);
  rebuild();
}

void ChannelsView::highlightChannel(std::optional<std::uint32_t> channel) {
  m_highlight = channel;
  update();
}

void ChannelsView::rebuild() {
  m_order.clear();
  m_edges.assign(1, 0.0);
  if (!m_report) return setEmpty(tr("No layer selected. Pick one in the model tree."));
  if (!m_report->error.empty()) return setFailed(QString::fromStdString(m_report->error));
  if (!hasData()) return setEmpty(tr("This layer has no channel statistics."));
  const ChannelBands& bands = m_report->channels;
  m_order.resize(bands.absMax.size());
  std::iota(m_order.begin(), m_order.end(), 0U);
  if (m_sorted)
    std::stable_sort(m_order.begin(), m_order.end(),
                     [&bands](auto a, auto b) { return bands.absMax[a] > bands.absMax[b]; });
  for (const std::uint32_t point : m_order) {
    const std::size_t end = point + 1 < bands.first.size() ? bands.first[point + 1] : bands.channels;
    m_edges.push_back(m_edges.back() + static_cast<double>(end - channelOf(point)));
  }
  updateRanges();
  showData();
}

void ChannelsView::updateRanges() {
  const ChannelBands& bands = m_report->channels;
  horizontal().title = m_sorted ? tr("input channels, largest magnitude first") : tr("input channel");
  horizontal().setFull({0, std::max(m_edges.back(), 1.0)});
  double low = 0;
  double high = 0;
  if (m_error && !bands.error.empty()) {
    high = *std::max_element(bands.error.begin(), bands.error.end());
    vertical().title = tr("RMS error of the channel's weights");
  } else {
    low = *std::min_element(bands.minimum.begin(), bands.minimum.end());
    high = *std::max_element(bands.absMax.begin(), bands.absMax.end());
    vertical().title = tr("weight");
  }
  if (!(high > low)) high = low + 1;
  const double room = 0.06 * (high - low);
  vertical().full = vertical().view = {m_error ? 0 : low - room, high + room};
}

std::uint32_t ChannelsView::channelOf(std::size_t point) const {
  const auto& first = m_report->channels.first;
  return point < first.size() ? first[point] : static_cast<std::uint32_t>(point);
}

QString ChannelsView::channelText(std::size_t point) const {
  const std::uint32_t channel = channelOf(point);
  const auto& first = m_report->channels.first;
  const std::size_t end = point + 1 < first.size() ? first[point + 1] : m_report->channels.channels;
  if (end <= channel + 1U) return tr("channel %1").arg(number::count(channel));
  return tr("channels %1 to %2").arg(number::count(channel), number::count(end - 1));
}

double ChannelsView::middleOf(std::size_t position) const { return (m_edges[position] + m_edges[position + 1]) / 2; }

std::optional<std::size_t> ChannelsView::positionAt(double value) const {
  if (m_order.empty() || value < 0 || value > m_edges.back()) return {};
  const auto next = std::upper_bound(m_edges.begin(), m_edges.end(), value);
  return std::min(static_cast<std::size_t>(next - m_edges.begin()) - 1, m_order.size() - 1);
}

std::optional<std::size_t> ChannelsView::positionOf(std::uint32_t channel) const {
  if (m_order.empty()) return {};
  const auto& first = m_report->channels.first;
  std::size_t point = channel;
  if (!first.empty())
    point = static_cast<std::size_t>(std::upper_bound(first.begin(), first.end(), channel) - first.begin()) - 1;
  const auto found = std::find(m_order.begin(), m_order.end(), static_cast<std::uint32_t>(point));
  if (found == m_order.end()) return {};
  return static_cast<std::size_t>(found - m_order.begin());
}

void ChannelsView::drawData(QPainter& painter, const PlotFrame& frame) const {
  const ChannelSteps steps{m_report->channels, m_order, m_edges};
  const auto visible = visibleSteps(steps, xAxis().view, static_cast<int>(frame.rect.width()));
  if (m_error) {
    if (!m_report->channels.error.empty()) drawChannelErrors(painter, frame, xAxis(), yAxis(), visible, m_style.slot);
  } else {
    drawChannelBands(painter, frame, xAxis(), yAxis(), visible);
  }
  drawHighlight(painter, frame);
  drawOutliers(painter, frame);
}

void ChannelsView::drawHighlight(QPainter& painter, const PlotFrame& frame) const {
  if (!m_highlight) return;
  const auto position = positionOf(*m_highlight);
  if (!position) return;
  const double left = mapped({m_edges[*position], 0}, frame.rect).x();
  const double right = mapped({m_edges[*position + 1], 0}, frame.rect).x();
  QColor fill = frame.colors.selection;
  fill.setAlphaF(0.30F);
  painter.fillRect(QRectF(left - 1, frame.rect.top(), std::max(2.0, right - left + 2), frame.rect.height()), fill);
}

void ChannelsView::drawOutliers(QPainter& painter, const PlotFrame& frame) const {
  const ChannelBands& bands = m_report->channels;
  if (m_error && bands.error.empty()) return;
  std::vector<ChannelLabel> labels;
  for (const OutlierChannel& outlier : m_report->outliers) {
    const auto position = positionOf(outlier.channel);
    if (!position || middleOf(*position) < xAxis().view.low || middleOf(*position) > xAxis().view.high) continue;
    const double value = m_error ? bands.error[m_order[*position]] : outlier.absMax;
    labels.push_back(
        {mapped({middleOf(*position), value}, frame.rect),
         m_error ? QString()
                 : tr("%1 · %2 the median").arg(number::count(outlier.channel), number::factor(outlier.ratio))});
  }
  drawChannelLabels(painter, frame, labels);
}

std::vector<PlotEntry> ChannelsView::legend(const Palette& colors) const {
  if (!hasData()) return {};
  std::vector<PlotEntry> entries;
  if (m_error) {
    entries.push_back({.color = colors.method(m_style.slot), .label = tr("RMS error"), .swatch = Swatch::Area});
  } else {
    const ChannelColors bands = channelColors(colors);
    entries.push_back({.color = bands.outer, .label = tr("min to max"), .swatch = Swatch::Area});
    entries.push_back({.color = bands.inner, .label = tr("middle half"), .swatch = Swatch::Area});
    entries.push_back({.color = bands.median, .label = tr("median")});
    entries.push_back({.color = bands.absMax, .label = tr("max |w|")});
  }
  if (!m_report->outliers.empty())
    entries.push_back({.color = colors.warning, .label = tr("outlier"), .swatch = Swatch::Point});
  return entries;
}

std::optional<PlotReadout> ChannelsView::readoutAt(const QPointF& at) const {
  if (!hasData()) return {};
  const auto position = positionAt(at.x());
  if (!position) return {};
  const std::size_t point = m_order[*position];
  const ChannelBands& bands = m_report->channels;
  const auto text = [](float value) { return number::significant(static_cast<double>(value)); };
  PlotReadout readout{channelText(point), {}, {middleOf(*position), at.y()}};
  readout.entries.push_back({.label = tr("max |w|"), .value = text(bands.absMax[point])});
  readout.entries.push_back({.label = tr("maximum"), .value = text(bands.maximum[point])});
  readout.entries.push_back({.label = tr("upper quartile"), .value = text(bands.upperQuartile[point])});
  readout.entries.push_back({.label = tr("median"), .value = text(bands.median[point])});
  readout.entries.push_back({.label = tr("lower quartile"), .value = text(bands.lowerQuartile[point])});
  readout.entries.push_back({.label = tr("minimum"), .value = text(bands.minimum[point])});
  if (!bands.error.empty()) readout.entries.push_back({.label = tr("RMS error"), .value = text(bands.error[point])});
  return readout;
}

QPointF ChannelsView::stepFrom(const QPointF& at, int dx, int /*dy*/) const {
  const auto position = static_cast<std::ptrdiff_t>(positionAt(at.x()).value_or(0)) + dx;
  const auto last = static_cast<std::ptrdiff_t>(m_order.size()) - 1;
  return {middleOf(static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(position, 0, last))), at.y()};
}

void ChannelsView::activate(const QPointF& at) {
  const auto position = positionAt(at.x());
  if (!position) return;
  const std::uint32_t channel = channelOf(m_order[*position]);
  highlightChannel(channel);
  Q_EMIT channelSelected(channel);
}

PlotTable ChannelsView::tableData() const {
  PlotTable table{heading(),
                  {tr("first channel"), tr("minimum"), tr("lower quartile"), tr("median"), tr("upper quartile"),
                   tr("maximum"), tr("max |w|")},
                  {}};
  if (!hasData()) return table;
  const ChannelBands& bands = m_report->channels;
  if (!bands.error.empty()) table.headers += tr("RMS error");
  for (const std::uint32_t point : m_order) {
    std::vector<PlotCell> row{static_cast<double>(channelOf(point))};
    for (const auto* column : {&bands.minimum, &bands.lowerQuartile, &bands.median, &bands.upperQuartile,
                               &bands.maximum, &bands.absMax, &bands.error})
      if (!column->empty()) row.emplace_back(static_cast<double>((*column)[point]));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace qs
