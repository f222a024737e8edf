#include "ui/windows/view_area.h"

#include <QStackedWidget>
#include <QTabWidget>
#include <QVBoxLayout>

#include "ui/charts/all_layers_view.h"
#include "ui/charts/channels_view.h"
#include "ui/charts/curve_view.h"
#include "ui/charts/distribution_view.h"
#include "ui/charts/heatmap_view.h"
#include "ui/charts/histogram_grid_view.h"
#include "ui/panels/start_page.h"

namespace qs {
namespace {

/// A report that lives inside a larger immutable value.
template <typename Owner>
LayerReportPtr reportIn(const std::shared_ptr<const Owner>& owner, const LayerReport& report) {
  return {owner, &report};
}

}  // namespace

ViewArea::ViewArea(QWidget* parent) : QWidget(parent) {
  m_start = new StartPage(this);
  m_tabs = new QTabWidget(this);
  m_tabs->setObjectName(QStringLiteral("views"));
  m_tabs->setDocumentMode(true);
  m_stack = new QStackedWidget(this);
  m_stack->addWidget(m_start);
  m_stack->addWidget(m_tabs);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_stack);
  addViews();
  joinSelections();
  setLayers({});
}

void ViewArea::addViews() {
  m_distribution = new DistributionView(m_tabs);
  m_channels = new ChannelsView(m_tabs);
  m_heatmap = new HeatmapView(m_tabs);
  m_layers = new AllLayersView(m_tabs);
  m_tradeoff = new TradeoffView(m_tabs);
  m_curves = new CurveView(m_tabs);
  m_grid = new HistogramGridView(m_tabs);
  for (const View view : allViews()) {
    PlotView* made = plot(view);
    made->setAccessibleName(title(view));
    const int index = m_tabs->addTab(made, title(view));
    const QString what = view == View::Grid ? tr("Histograms of all layers") : title(view);
    m_tabs->setTabToolTip(index, tr("%1 (Alt+%2)").arg(what).arg(index + 1));
    connect(made, &PlotView::readoutChanged, this, &ViewArea::readoutChanged);
  }
  for (const PlotView* view : std::initializer_list<PlotView*>{m_layers, m_tradeoff, m_grid})
    connect(view, &PlotView::actionRequested, this, &ViewArea::runRequested);
  for (PlotView* view : layerViews()) connect(view, &PlotView::actionRequested, this, &ViewArea::nextLayerRequested);
}

void ViewArea::joinSelections() {
  connect(m_tabs, &QTabWidget::currentChanged, this, &ViewArea::viewChanged);
  connect(m_channels, &ChannelsView::channelSelected, this, &ViewArea::highlightChannel);
  connect(m_heatmap, &HeatmapView::channelSelected, this, &ViewArea::highlightChannel);
  connect(m_layers, &AllLayersView::layerSelected, this, &ViewArea::layerSelected);
  connect(m_grid, &HistogramGridView::layerSelected, this, &ViewArea::layerSelected);
  connect(m_grid, &HistogramGridView::layerOpened, this, &ViewArea::openLayer);
  connect(m_tradeoff, &TradeoffView::pointSelected, this, &ViewArea::runSelected);
}

void ViewArea::openLayer(const QString& layer) {
  Q_EMIT layerSelected(layer);
  setView(View::Distribution);
  m_distribution->setFocus();
}

const std::vector<ViewArea::View>& ViewArea::allViews() {
  static const std::vector<View> views = {View::Distribution, View::Channels, View::Heatmap, View::AllLayers,
                                          View::Tradeoff,     View::Curves,   View::Grid};
  return views;
}

PlotView* ViewArea::plot(View view) const {
  switch (view) {
    case View::Distribution:
      return m_distribution;
    case View::Channels:
      return m_channels;
    case View::Heatmap:
      return m_heatmap;
    case View::AllLayers:
      return m_layers;
    case View::Tradeoff:
      return m_tradeoff;
    case View::Curves:
      return m_curves;
    case View::Grid:
      return m_grid;
  }
  return nullptr;
}

QString ViewArea::title(View view) {
  switch (view) {
    case View::Distribution:
      return tr("Distribution");
    case View::Channels:
      return tr("Channels");
    case View::Heatmap:
      return tr("Heatmap");
    case View::AllLayers:
      return tr("All layers");
    case View::Tradeoff:
      return tr("Trade-off");
    case View::Curves:
      return tr("Curves");
    case View::Grid:
      return tr("Grid");
  }
  return {};
}

QString ViewArea::fileName(View view) {
  switch (view) {
    case View::Distribution:
      return QStringLiteral("distribution");
    case View::Channels:
      return QStringLiteral("channels");
    case View::Heatmap:
      return QStringLiteral("heatmap");
    case View::AllLayers:
      return QStringLiteral("all-layers");
    case View::Tradeoff:
      return QStringLiteral("trade-off");
    case View::Curves:
      return QStringLiteral("curves");
    case View::Grid:
      return QStringLiteral("grid");
  }
  return {};
}

PlotView* ViewArea::currentPlot() const {
  if (m_stack->currentWidget() != m_tabs) return nullptr;
  return qobject_cast<PlotView*>(m_tabs->currentWidget());
}

ViewArea::View ViewArea::view() const { return allViews()[static_cast<std::size_t>(m_tabs->currentIndex())]; }

std::vector<PlotView*> ViewArea::layerViews() const { return {m_distribution, m_channels, m_heatmap}; }

QStringList ViewArea::worstLayers() const { return m_layers->worstFirst(); }

void ViewArea::showStart() { m_stack->setCurrentWidget(m_start); }

void ViewArea::showViews() { m_stack->setCurrentWidget(m_tabs); }

void ViewArea::setView(View view) { m_tabs->setCurrentWidget(plot(view)); }

void ViewArea::setLayers(const QStringList& layers) {
  m_curves->setEmpty(tr("No curve: methods that search or train leave one for the selected layer."));
  m_distribution->setReport({});
  m_channels->setReport({});
  m_heatmap->setWeights({});
  m_layers->setLayers(layers);
  m_layers->setReports({});
  m_grid->setLayers(layers);
  m_grid->setReports({});
  const QString run = layers.isEmpty() ? QString() : tr("Run on all layers");
  m_layers->setEmpty(tr("No run yet: run a method over all layers to see which of them suffer."), run);
  m_grid->setEmpty(tr("No run yet: run a method over all layers to see a histogram of each."), run);
  for (PlotView* view : layerViews()) {
    view->setEmpty(tr("No layer selected: pick one in the model tree."),
                   layers.isEmpty() ? QString() : tr("Show the first layer"));
  }
  m_tradeoff->setBudget(0);
  setTradeoff({}, {});
}

void ViewArea::setWeights(const LayerWeightsPtr& weights) {
  const auto report = reportIn(weights, weights->unquantized);
  m_distribution->setReport(report);
  m_channels->setReport(report);
  m_heatmap->setWeights(weights);
  m_curves->setEmpty(tr("No curve: methods that search or train leave one for the selected layer."));
}

void ViewArea::setPreview(const LayerPreviewPtr& preview, const MethodStyle& style) {
  const auto report = reportIn(preview, preview->report);
  if (!report->error.empty()) return setPreviewFailed(QString::fromStdString(report->error));
  m_distribution->setReport(report, style);
  m_channels->setReport(report, style);
  m_heatmap->setPreview(preview, style);
  if (report->curves.empty()) {
    m_curves->setEmpty(tr("%1 left no curve: methods that search or train do.").arg(style.name));
  } else {
    m_curves->setCurves(report->curves, QString::fromStdString(report->name), style);
  }
}

void ViewArea::setPinned(const LayerReportPtr& report, const MethodStyle& style) {
  m_distribution->setComparison(report, style);
}

void ViewArea::setPinnedRun(const std::vector<LayerReportPtr>& reports, const MethodStyle& style) {
  m_layers->setPinned(reports, style);
  m_grid->setIsA(!reports.empty());
}

void ViewArea::setDifference(bool shown) { m_layers->setDifference(shown); }

void ViewArea::setPreviewBusy(bool busy) {
  for (PlotView* view : layerViews()) {
    if (view->state() == PlotState::Empty && busy) view->setBusy(tr("Reading the layer"));
    if (view->state() == PlotState::Ready && busy) view->setBusy(tr("Quantizing"));
    if (view->state() == PlotState::Busy && !busy) view->setIdle();
  }
}

void ViewArea::setPreviewFailed(const QString& reason) {
  for (PlotView* view : layerViews()) view->setFailed(reason);
}

void ViewArea::setNoMatrix() {
  for (PlotView* view : layerViews()) {
    view->setEmpty(tr("This tensor is no matrix: its numbers are in the inspector."));
  }
}

void ViewArea::setRunLayers(const QStringList& layers) {
  m_layers->setLayers(layers);
  m_grid->setLayers(layers);
}

void ViewArea::setReports(const std::vector<LayerReportPtr>& reports, const MethodStyle& style) {
  m_layers->setReports(reports, style);
  m_grid->setReports(reports, style);
}

void ViewArea::setRunStyle(const MethodStyle& style) {
  m_layers->setStyle(style);
  m_grid->setStyle(style);
}

void ViewArea::addReports(const std::vector<LayerReportPtr>& reports) {
  for (const LayerReportPtr& report : reports) m_layers->addReport(report);
  m_grid->addReports(reports);
}

void ViewArea::setTradeoff(const std::vector<TradeoffPoint>& points, const QString& valueTitle) {
  m_tradeoff->setPoints(points, valueTitle);
  if (points.empty()) {
    m_tradeoff->setEmpty(tr("No run yet: each finished run becomes a point, size against loss."),
                         m_layers->layerCount() > 0 ? tr("Run on all layers") : QString());
  }
}

void ViewArea::setLiveCurves(const QString& layer, const std::vector<MethodCurve>& curves, const MethodStyle& style) {
  m_curves->setCurves(curves, layer, style);
}

void ViewArea::selectLayer(const QString& layer) {
  m_layers->selectLayer(layer);
  m_grid->selectLayer(layer);
}

void ViewArea::highlightChannel(quint32 channel) {
  m_channels->highlightChannel(channel);
  m_heatmap->highlightChannel(channel);
}

}  // namespace qs
