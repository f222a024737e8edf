#pragma once

#include <QWidget>
#include <vector>

#include "core/session/preview.h"
#include "core/session/quant_report.h"
#include "ui/charts/tradeoff_view.h"
#include "ui/support/palette.h"

class QStackedWidget;
class QTabWidget;

namespace qs {

class AllLayersView;
class ChannelsView;
class CurveView;
class DistributionView;
class HeatmapView;
class HistogramGridView;
class StartPage;

/// The middle of the window: the start page, or the views in tabs. Hands data on to the views and joins their
/// selections: a channel chosen in one is marked in the others.
class ViewArea : public QWidget {
  Q_OBJECT

 public:
  enum class View { Distribution, Channels, Heatmap, AllLayers, Tradeoff, Curves, Grid };

  explicit ViewArea(QWidget* parent = nullptr);

  [[nodiscard]] StartPage* startPage() const { return m_start; }
  [[nodiscard]] PlotView* currentPlot() const;
  /// The view whose tab is chosen.
  [[nodiscard]] View view() const;
  [[nodiscard]] PlotView* plot(View view) const;
  /// File name of a view's picture, without ending: "all-layers".
  [[nodiscard]] static QString fileName(View view);
  [[nodiscard]] static QString title(View view);
  [[nodiscard]] static const std::vector<View>& allViews();
  [[nodiscard]] QStringList worstLayers() const;

 public Q_SLOTS:
  void showStart();
  void showViews();
  void setView(qs::ViewArea::View view);
  /// Forgets everything and expects these layers.
  void setLayers(const QStringList& layers);
  void setWeights(const qs::LayerWeightsPtr& weights);
  void setPreview(const qs::LayerPreviewPtr& preview, const qs::MethodStyle& style);
  void setPinned(const qs::LayerReportPtr& report, const qs::MethodStyle& style);
  /// All layers of the pinned run B; none where none is pinned, or it is the one that is shown.
  void setPinnedRun(const std::vector<qs::LayerReportPtr>& reports, const qs::MethodStyle& style);
  void setDifference(bool shown);
  void setPreviewBusy(bool busy);
  void setPreviewFailed(const QString& reason);
  /// A tensor that is no matrix: nothing to draw.
  void setNoMatrix();
  /// The layers that the next reports are of.
  void setRunLayers(const QStringList& layers);
  void setReports(const std::vector<qs::LayerReportPtr>& reports, const qs::MethodStyle& style);
  /// How the run is called, and its colour.
  void setRunStyle(const qs::MethodStyle& style);
  void addReports(const std::vector<qs::LayerReportPtr>& reports);
  void setTradeoff(const std::vector<qs::TradeoffPoint>& points, const QString& valueTitle);
  void setLiveCurves(const QString& layer, const std::vector<qs::MethodCurve>& curves, const qs::MethodStyle& style);
  void selectLayer(const QString& layer);
  void highlightChannel(quint32 channel);

 Q_SIGNALS:
  void viewChanged();
  void layerSelected(const QString& layer);
  void runSelected(const QString& id);
  void runRequested();
  void nextLayerRequested();
  void readoutChanged(const QString& text);

 private:
  void addViews();
  void joinSelections();
  /// Selects a layer and shows its distribution.
  void openLayer(const QString& layer);
  [[nodiscard]] std::vector<PlotView*> layerViews() const;

  QStackedWidget* m_stack = nullptr;
  StartPage* m_start = nullptr;
  QTabWidget* m_tabs = nullptr;
  DistributionView* m_distribution = nullptr;
  ChannelsView* m_channels = nullptr;
  HeatmapView* m_heatmap = nullptr;
  AllLayersView* m_layers = nullptr;
  TradeoffView* m_tradeoff = nullptr;
  CurveView* m_curves = nullptr;
  HistogramGridView* m_grid = nullptr;
};

}  // namespace qs
