#pragma once

#include <QHash>
#include <QStringList>
#include <cstdint>

#include "core/session/quant_report.h"
#include "ui/charts/plot_view.h"
#include "ui/charts/report_text.h"

class QComboBox;

namespace qs {

enum class LayerMetric : std::uint8_t { RelativeError, OutputError, Sqnr, MeanSquaredError, Bits };

/// Which layer breaks? A bar for every layer, shaded by the kind of linear, the worst ones flagged. Grows while layers
/// arrive.
class AllLayersView final : public PlotView {
  Q_OBJECT
 public:
  explicit AllLayersView(QWidget* parent = nullptr);

  /// The layers of the model in order: the places of the bars before their reports have come.
  void setLayers(const QStringList& names);
  /// Replaces all reports. Layers not named by setLayers are appended.
  void setReports(const std::vector<LayerReportPtr>& reports, const MethodStyle& style = {});
  /// Adds one finished layer.
  void addReport(const LayerReportPtr& report);
  [[nodiscard]] LayerMetric metric() const { return m_metric; }
  [[nodiscard]] QString selectedLayer() const { return m_selected; }
  [[nodiscard]] int layerCount() const { return static_cast<int>(m_names.size()); }
  [[nodiscard]] int reportCount() const;
  /// Layers by the metric, worst first; failed ones before all.
  [[nodiscard]] QStringList worstFirst() const;
  [[nodiscard]] PlotTable tableData() const override;
  [[nodiscard]] bool hasData() const override { return !m_names.isEmpty(); }

 public Q_SLOTS:
  void setMetric(qs::LayerMetric metric);
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
  void place(const LayerReportPtr& report);
  void refresh();
  void updateAxes();
  [[nodiscard]] std::optional<double> valueOf(const LayerReportPtr& report) const;
  [[nodiscard]] AxisTicks blockTicks(const AxisRange& view, int most) const;
  [[nodiscard]] bool isFlagged(std::size_t index) const;
  [[nodiscard]] std::optional<std::size_t> indexAt(double x) const;
  [[nodiscard]] QRectF barRect(std::size_t index, const QRectF& rect) const;
  void drawBar(QPainter& painter, const PlotFrame& frame, std::size_t index) const;

  QStringList m_names;
  QHash<QString, int> m_indexOf;
  std::vector<LayerReportPtr> m_reports;  ///< by place; null until it has come
  MethodStyle m_style;
  LayerMetric m_metric = LayerMetric::RelativeError;
  std::optional<double> m_flagLimit;
  std::vector<LayerPlace> m_places;
  QString m_selected;
  QComboBox* m_choice = nullptr;
};

}  // namespace qs
