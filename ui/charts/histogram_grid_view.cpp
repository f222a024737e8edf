#include "ui/charts/histogram_grid_view.h"

#include <QFontMetricsF>
#include <QKeyEvent>
#include <QPainter>
#include <QScrollBar>
#include <QSignalBlocker>
#include <QToolButton>
#include <algorithm>
#include <cmath>

#include "ui/charts/layer_metric.h"
#include "ui/charts/mini_histogram.h"
#include "ui/charts/plot_layout.h"
#include "ui/charts/report_text.h"
#include "ui/support/number_format.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

constexpr double kLeastCell = 92;  ///< width in which a caption is read
constexpr double kShape = 0.55;    ///< height of a histogram to its width
constexpr double kHighest = 0.9;   ///< the same where there is room
constexpr double kCaption = 18;
constexpr double kGap = 3;              ///< around what a cell shows
constexpr double kMostExported = 8000;  ///< height of a picture, in logical pixels
constexpr int kWheelRow = 120;          ///< of a wheel's angle, for one row

QString lastName(const QString& layer) { return layer.section(QLatin1Char('.'), -1); }

/// "12 down"; with the expert's number where there is one: "12 5 w1".
QString captionOf(const QString& layer) {
  static const QLatin1String kEnding("_proj");  // says nothing, and the line is short
  QStringList parts;
  for (const QString& part : layer.split(QLatin1Char('.'))) {
    bool isNumber = false;
    part.toInt(&isNumber);
    if (isNumber) parts += part;
  }
  const QString name = lastName(layer);
  parts += name.endsWith(kEnding) ? name.chopped(kEnding.size()) : name;
  return parts.join(QLatin1Char(' '));
}

/// Layers of the first block, or 0 where there are no blocks.
int layersOfABlock(const RunLayers& layers) {
  int block = -1;
  int count = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (block < 0) block = layers.where(i).block;
    if (block >= 0 && layers.where(i).block == block) ++count;
  }
  return count;
}

}  // namespace

HistogramGridView::HistogramGridView(QWidget* parent) : PlotView(parent) {
  m_bar = new QScrollBar(Qt::Vertical, this);
  m_bar->hide();
  connect(m_bar, &QScrollBar::valueChanged, this,
          [this](int value) { scrollBy(value / m_grid.cell.height() - m_top); });
  m_rangeButton = new QToolButton;
  m_rangeButton->setText(tr("Same range"));
  m_rangeButton->setToolTip(
      wrappedToolTip(tr("Layers of one name share the range of their weights; else each has its own")));
  m_rangeButton->setCheckable(true);
  m_rangeButton->setChecked(true);
  m_rangeButton->setAccessibleName(tr("Same range of weights for layers of one name"));
  connect(m_rangeButton, &QToolButton::toggled, this, &HistogramGridView::setSameRange);
  addControl(m_rangeButton);
  horizontal().zoomable = vertical().zoomable = false;
  vertical().inverted = true;
  refresh();
}

void HistogramGridView::setLayers(const QStringList& names) {
  m_layers.setNames(names);
  m_top = 0;
  refresh();
}

void HistogramGridView::setReports(const std::vector<LayerReportPtr>& reports, const MethodStyle& style) {
  m_style = style;
  m_layers.setReports(reports);
  refresh();
}

void HistogramGridView::setStyle(const MethodStyle& style) {
  if (m_style == style) return;
  m_style = style;
  refresh();
}

void HistogramGridView::setIsA(bool isA) {
  if (m_isA == isA) return;
  m_isA = isA;
  refresh();
}

void HistogramGridView::addReports(const std::vector<LayerReportPtr>& reports) {
  for (const LayerReportPtr& report : reports) m_layers.place(report);
  refresh();
}

void HistogramGridView::refresh() {
  setHeading(m_layers.heading(m_isA ? tr("A: %1").arg(m_style.name) : m_style.name), tr("Histograms of all layers"));
  if (m_layers.isEmpty()) return setEmpty(tr("No layers yet. Open a model and run a method over it."));
  findRanges();
  showData();
}

void HistogramGridView::findRanges() {
  m_ranges.clear();
  for (std::size_t i = 0; i < m_layers.size(); ++i) {
    const LayerReportPtr& report = m_layers.report(i);
    if (!report || report->before.counts.empty()) continue;
    const AxisRange own{report->before.low, report->before.high};
    const QString name = lastName(m_layers.name(i));
    const AxisRange shared = m_ranges.value(name, own);
    m_ranges.insert(name, {std::min(shared.low, own.low), std::max(shared.high, own.high)});
  }
}

AxisRange HistogramGridView::rangeOf(std::size_t index) const {
  const Histogram& before = m_layers.report(index)->before;
  return m_sameRange ? m_ranges.value(lastName(m_layers.name(index))) : AxisRange{before.low, before.high};
}

void HistogramGridView::setLogarithmic(bool log) {
  if (m_log == log) return;
  m_log = log;
  update();
  Q_EMIT logarithmicChanged(log);
}

void HistogramGridView::setSameRange(bool same) {
  m_sameRange = same;
  const QSignalBlocker block(m_rangeButton);
  m_rangeButton->setChecked(same);
  update();
}

HistogramGridView::Grid HistogramGridView::gridFor(double width, double most) const {
  const auto count = std::max(1, static_cast<int>(m_layers.size()));
  const auto placed = [&](int columns) {
    const double cell = width / columns;
    return Grid{columns, (count + columns - 1) / columns, {cell, std::round(kCaption + kShape * cell)}};
  };
  int columns = std::clamp(static_cast<int>(width / kLeastCell), 1, count);
  const int inBlock = layersOfABlock(m_layers);
  if (inBlock > 0 && inBlock <= columns) columns -= columns % inBlock;
  Grid grid = placed(columns);
  while (grid.rows * grid.cell.height() > most && columns < count) grid = placed(++columns);
  return grid;
}

void HistogramGridView::placeControls() {
  PlotView::placeControls();
  arrange();
}

void HistogramGridView::arrange() {
  const QRectF plot = plotRect();
  m_grid = gridFor(plot.width());
  const double highest = kCaption + kHighest * m_grid.cell.width();
  m_grid.cell.setHeight(std::clamp(std::floor(plot.height() / m_grid.rows), m_grid.cell.height(), highest));
  const double rows = plot.height() / m_grid.cell.height();
  horizontal().full = horizontal().view = {0, static_cast<double>(m_grid.columns)};
  vertical().full = {0, std::max<double>(m_grid.rows, rows)};
  const QSignalBlocker block(m_bar);
  m_bar->setGeometry(QRectF(width() - m_bar->sizeHint().width(), plot.top(), m_bar->sizeHint().width(), plot.height())
                         .toAlignedRect());
  m_bar->setPageStep(static_cast<int>(plot.height()));
  m_bar->setSingleStep(static_cast<int>(m_grid.cell.height()));
  m_bar->setRange(0, static_cast<int>(std::ceil(std::max(0.0, m_grid.rows * m_grid.cell.height() - plot.height()))));
  m_bar->setVisible(m_bar->maximum() > 0 && state() != PlotState::Empty);
  scrollTo(m_top);
  if (const auto index = m_layers.indexOf(m_selected); index && m_followed) showCell(*index);
}

void HistogramGridView::scrollBy(double rows) {
  m_followed = false;
  scrollTo(m_top + rows);
}

void HistogramGridView::scrollTo(double row) {
  const double rows = plotRect().height() / m_grid.cell.height();
  m_top = std::clamp(row, 0.0, std::max(0.0, m_grid.rows - rows));
  vertical().view = {m_top, m_top + rows};
  const QSignalBlocker block(m_bar);
  m_bar->setValue(static_cast<int>(std::lround(m_top * m_grid.cell.height())));
  update();
}

void HistogramGridView::showCell(std::size_t index) {
  const double row = m_grid.placeOf(index).y();
  const double rows = vertical().view.span();
  if (row < m_top) scrollTo(row);
  if (row + 1 > m_top + rows) scrollTo(row + 1 - rows);
}

void HistogramGridView::selectLayer(const QString& name) {
  m_selected = name;
  m_followed = true;
  if (const auto index = m_layers.indexOf(name)) showCell(*index);
  update();
}

void HistogramGridView::choose(std::size_t index) {
  selectLayer(m_layers.name(index));
  Q_EMIT layerSelected(m_selected);
}

void HistogramGridView::activate(const QPointF& at) {
  if (const auto index = indexAt(at)) choose(*index);
}

void HistogramGridView::step(int by) {
  const auto last = static_cast<int>(m_layers.size()) - 1;
  const auto now = m_layers.indexOf(m_selected);
  const auto next = static_cast<std::size_t>(now ? std::clamp(static_cast<int>(*now) + by, 0, last) : 0);
  choose(next);
  setCrosshair(centerOf(next));
}

void HistogramGridView::keyPressEvent(QKeyEvent* event) {
  const auto all = static_cast<int>(m_layers.size());
  const int page = m_grid.columns * std::max(1, static_cast<int>(vertical().view.span()));
  if (all == 0 || state() == PlotState::Empty || event->modifiers() != Qt::NoModifier)
    return PlotView::keyPressEvent(event);
  switch (event->key()) {
    case Qt::Key_Left:
      return step(-1);
    case Qt::Key_Right:
      return step(1);
    case Qt::Key_Up:
      return step(-m_grid.columns);
    case Qt::Key_Down:
      return step(m_grid.columns);
    case Qt::Key_PageUp:
      return step(-page);
    case Qt::Key_PageDown:
      return step(page);
    case Qt::Key_Home:
      return step(-all);
    case Qt::Key_End:
      return step(all);
    case Qt::Key_Return:
    case Qt::Key_Enter:
      if (m_layers.indexOf(m_selected)) Q_EMIT layerOpened(m_selected);
      return;
    case Qt::Key_L:
      return setLogarithmic(!m_log);
    default:
      PlotView::keyPressEvent(event);
  }
}

void HistogramGridView::wheelEvent(QWheelEvent* event) {
  if (!m_bar->isVisible()) return event->ignore();
  scrollBy(-static_cast<double>(event->angleDelta().y()) / kWheelRow);
  if (crosshair()) setCrosshair(toData(event->position()));
  event->accept();
}

void HistogramGridView::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || !plotRect().contains(event->position())) return;
  if (const auto index = indexAt(toData(event->position()))) Q_EMIT layerOpened(m_layers.name(*index));
}

std::optional<std::size_t> HistogramGridView::indexAt(const QPointF& at) const {
  if (at.x() < 0 || at.x() >= m_grid.columns || at.y() < 0) return {};
  const auto row = static_cast<std::size_t>(at.y());
  const auto index = row * static_cast<std::size_t>(m_grid.columns) + static_cast<std::size_t>(at.x());
  return index < m_layers.size() ? std::optional(index) : std::nullopt;
}

QPointF HistogramGridView::Grid::placeOf(std::size_t index) const {
  const auto inRow = static_cast<std::size_t>(columns);
  const std::size_t row = index / inRow;
  return {static_cast<double>(index - row * inRow), static_cast<double>(row)};
}

QPointF HistogramGridView::centerOf(std::size_t index) const { return m_grid.placeOf(index) + QPointF(0.5, 0.5); }

QRectF HistogramGridView::cellOf(const QString& layer) const {
  const auto index = m_layers.indexOf(layer);
  if (!index) return {};
  QRectF cell(QPointF(0, 0), m_grid.cell);
  cell.moveCenter(toWidget(centerOf(*index)));
  return cell;
}

QStringList HistogramGridView::layersInView() const {
  const auto first = static_cast<std::size_t>(m_top) * static_cast<std::size_t>(m_grid.columns);
  const auto end = static_cast<std::size_t>(std::ceil(yAxis().view.high) * m_grid.columns);
  QStringList names;
  for (std::size_t i = first; i < std::min(end, m_layers.size()); ++i) names += m_layers.name(i);
  return names;
}

double HistogramGridView::rightMargin(const QFontMetricsF& /*metrics*/) const {
  return std::max(1.0, m_bar->sizeHint().width() - kPlotMargin + kGap);
}

double HistogramGridView::heightOfAll(double width) const {
  const Grid grid = gridFor(width, kMostExported);
  return grid.rows * grid.cell.height();
}

void HistogramGridView::drawData(QPainter& painter, const PlotFrame& frame) const {
  painter.setRenderHint(QPainter::Antialiasing, false);  // every line is upright or level
  const Grid grid = frame.whole ? gridFor(frame.rect.width(), kMostExported) : m_grid;
  const double top = frame.whole ? 0 : m_top;
  const auto first = static_cast<std::size_t>(top) * static_cast<std::size_t>(grid.columns);
  for (std::size_t i = first; i < m_layers.size(); ++i) {
    const QPointF place = grid.placeOf(i) - QPointF(0, top);
    const QPointF corner =
        frame.rect.topLeft() + QPointF(place.x() * grid.cell.width(), place.y() * grid.cell.height());
    if (corner.y() > frame.rect.bottom()) break;
    drawCell(painter, frame, QRectF(corner, grid.cell), i);
  }
}

void HistogramGridView::drawCell(QPainter& painter, const PlotFrame& frame, const QRectF& cell,
                                 std::size_t index) const {
  const QRectF inner = cell.adjusted(2, 2, -2, -2);
  if (m_layers.name(index) == m_selected) {
    QColor ground = frame.colors.selection;
    ground.setAlphaF(0.12F);
    painter.setPen(QPen(frame.colors.selection, 1.6));
    painter.setBrush(ground);
    painter.drawRect(inner);
  }
  drawCaption(painter, frame, {inner.left() + kGap, inner.top(), inner.width() - 2 * kGap, kCaption}, index);
  const QRectF plot = inner.adjusted(kGap, kCaption, -kGap, -kGap).toAlignedRect();
  const LayerReportPtr& report = m_layers.report(index);
  if (report && !report->error.empty())
    painter.fillRect(plot, QBrush(frame.colors.failure, Qt::BDiagPattern));
  else if (report)
    drawHistograms(painter, frame, plot, index);
  painter.setPen(QPen(frame.colors.grid, 1));
  painter.drawLine(plot.bottomLeft(), plot.bottomRight());
}

void HistogramGridView::drawCaption(QPainter& painter, const PlotFrame& frame, const QRectF& line,
                                    std::size_t index) const {
  const QFontMetricsF metrics(painter.font());
  const QString caption = captionOf(m_layers.name(index));
  const auto error = valueOf(m_layers.report(index), LayerMetric::RelativeError);
  painter.setPen(frame.colors.text);
  painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter, metrics.elidedText(caption, Qt::ElideRight, line.width()));
  if (!error) return;
  painter.setPen(frame.colors.mutedText);
  for (const int digits : {2, 1}) {
    const QString value = number::significant(100 * *error, digits) + QStringLiteral("\u2009%");
    if (metrics.horizontalAdvance(caption) + metrics.horizontalAdvance(value) > line.width()) continue;
    painter.drawText(line, Qt::AlignRight | Qt::AlignVCenter, value);
    return;
  }
}

void HistogramGridView::drawHistograms(QPainter& painter, const PlotFrame& frame, const QRectF& rect,
                                       std::size_t index) const {
  const LayerReport& report = *m_layers.report(index);
  const MiniScale scale{.weights = rangeOf(index),
                        .most = std::max(largestCount(report.before), largestCount(report.after)),
                        .log = m_log};
  painter.fillPath(miniOutline(report.before, scale, rect, true), frame.colors.before);
  painter.strokePath(miniOutline(report.after, scale, rect, false), QPen(frame.colors.method(m_style.slot), 1));
}

std::vector<PlotEntry> HistogramGridView::legend(const Palette& colors) const {
  return {{.color = colors.before, .label = tr("before"), .swatch = Swatch::Area},
          {.color = colors.method(m_style.slot), .label = tr("after")},
          {.label = m_log ? tr("logarithmic counts") : tr("linear counts")}};
}

std::optional<PlotReadout> HistogramGridView::readoutAt(const QPointF& at) const {
  const auto index = indexAt(at);
  if (!index) return {};
  return PlotReadout{m_layers.name(*index), layerEntries(m_layers.report(*index), font()), centerOf(*index)};
}

PlotTable HistogramGridView::tableData() const {
  PlotTable table{
      heading(), {tr("layer"), tr("bin low"), tr("bin high"), tr("before (count)"), tr("after (count)")}, {}};
  for (std::size_t i = 0; i < m_layers.size(); ++i) {
    const LayerReportPtr& report = m_layers.report(i);
    if (!report) continue;
    const double width = report->before.binWidth();
    for (std::size_t bin = 0; bin < report->before.counts.size(); ++bin) {
      const auto before = static_cast<double>(report->before.counts[bin]);
      const auto after = bin < report->after.counts.size() ? static_cast<double>(report->after.counts[bin]) : 0;
      const double low = report->before.low + width * static_cast<double>(bin);
      if (before + after > 0) table.rows.push_back({m_layers.name(i), low, low + width, before, after});
    }
  }
  return table;
}

}  // namespace qs
