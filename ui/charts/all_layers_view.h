#pragma once

#include <QStringList>

#include "core/session/quant_report.h"
#include "ui/charts/layer_metric.h"
#include "ui/charts/plot_view.h"
#include "ui/charts/run_layers.h"

class QComboBox;

namespace qs {

/// Which layer breaks? A bar for every layer, shaded by the kind of linear, the worst ones flagged. Grows while layers
/// arrive. With a pinned run B it can show the difference A − B instead: bars from zero, blue where the figure is lower
/// than that of B, orange where it is higher.
class AllLayersView final : public PlotView {
  Q_OBJECT
 public:
  explicit AllLayersView(QWidget* parent = nullptr);

  /// The layers of the model in order: the places of the bars before their reports have come.
  void setLayers(const QStringList& names);
  /// Replaces all reports. Layers not named by setLayers are appended.
  void setReports(const std::vector<LayerReportPtr>& reports, const MethodStyle& style = {});
  /// How the run is called.
  void setStyle(const MethodStyle& style);
  /// Adds one finished layer.
  void addReport(const LayerReportPtr& report);
  /// The pinned run B, or none.
  void setPinned(const std::vector<LayerReportPtr>& reports, const MethodStyle& style = {});
  [[nodiscard]] LayerMetric metric() const { return m_metric; }
  [[nodiscard]] QString selectedLayer() const { return m_selected; }
  [[nodiscard]] int layerCount() const { return static_cast<int>(m_layers.size()); }
  [[nodiscard]] int reportCount() const { return m_layers.reportCount(); }
  /// Whether A − B is shown: it is asked for, and there is a B.
  [[nodiscard]] bool showsDifference() const { return m_wantsDifference && !m_pinned.isEmpty(); }
  /// Layers by what is shown, worst first; failed ones before all.
  [[nodiscard]] QStringList worstFirst() const;
  [[nodiscard]] PlotTable tableData() const override;
  [[nodiscard]] bool hasData() const override { return !m_layers.isEmpty(); }

 public Q_SLOTS:
  void setMetric(qs::LayerMetric metric);
  void setDifference(bool shown);
  /// Marks a layer selected elsewhere; no signal.
  void selectLayer(const QString& name);

 Q_SIGNALS:
  void layerSelected(const QString& name);

 protected:
  void drawData(QPainter& painter, const PlotFrame& frame) const override;
  [[nodiscard]] std::optional<PlotReadout> readoutAt(const QPointF& at) const override;
  [[nodiscard]] std::vector<PlotEntry> legend(const Palette& colors) const override;
  [[nodiscard]] QPointF stepFrom(const QPointF& at, int dx, int dy) const override;
  void activate(const QPointF& at) override;

 private:
  void refresh();
  [[nodiscard]] QString headingText() const;
  void updateAxes();
  void setVerticalRange(const std::vector<double>& values);
  [[nodiscard]] LayerReportPtr pinnedReport(std::size_t index) const { return m_pinned.reportOf(m_layers.name(index)); }
  /// What the bar stands for: the metric, or its difference.
  [[nodiscard]] std::optional<double> shownValue(std::size_t index) const;
  [[nodiscard]] bool isFailed(std::size_t index) const;
  [[nodiscard]] AxisTicks blockTicks(const AxisRange& view, int most) const;
  [[nodiscard]] bool isFlagged(std::size_t index) const;
  [[nodiscard]] QString flagText() const;
  [[nodiscard]] std::optional<std::size_t> indexAt(double x) const;
  [[nodiscard]] QRectF barRect(std::size_t index, const QRectF& rect) const;
  void drawBlocks(QPainter& painter, const PlotFrame& frame) const;
  void drawSelection(QPainter& painter, const PlotFrame& frame, const QRectF& bar) const;
  void drawBar(QPainter& painter, const PlotFrame& frame, std::size_t index) const;
  [[nodiscard]] QColor barColor(std::size_t index, const Palette& colors) const;
  [[nodiscard]] std::vector<PlotEntry> kindEntries(const Palette& colors) const;
  [[nodiscard]] std::vector<PlotEntry> differenceEntries(const Palette& colors) const;
  [[nodiscard]] std::vector<PlotEntry> comparisonOf(std::size_t index) const;
  [[nodiscard]] PlotTable differenceTable() const;

  RunLayers m_layers;
  MethodStyle m_style;
  RunLayers m_pinned;
  MethodStyle m_pinnedStyle;
  bool m_wantsDifference = false;
  LayerMetric m_metric = LayerMetric::RelativeError;
  double m_largest = 1;  ///< magnitude of the differences shown
  std::optional<double> m_flagLimit;
  QString m_selected;
  QComboBox* m_choice = nullptr;
};

}  // namespace qs
