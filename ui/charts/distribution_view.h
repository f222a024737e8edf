#pragma once

#include "core/session/quant_report.h"
#include "ui/charts/plot_view.h"

class QToolButton;

namespace qs {

class SeriesLayer;

/// What did quantization do to this layer's weights, and is it clipped? Weights before as an area, after as a step
/// outline on the same bins, a pinned second configuration as a dashed outline, and the grid's levels as marks.
/// Empty bins are drawn at the floor of the log axis.
class DistributionView final : public PlotView {
  Q_OBJECT
 public:
  explicit DistributionView(QWidget* parent = nullptr);
  ~DistributionView() override;

  /// A null report empties the view; one with an error shows it as failed.
  void setReport(LayerReportPtr report, const MethodStyle& style = {});
  /// The pinned configuration B of the same layer, or null.
  void setComparison(LayerReportPtr pinned, const MethodStyle& style = {});
  [[nodiscard]] bool isLogarithmic() const { return m_log; }
  [[nodiscard]] PlotTable tableData() const override;
  [[nodiscard]] bool hasData() const override;
  [[nodiscard]] int pointCount(int series) const;  ///< 0 before, 1 after, 2 pinned

 public Q_SLOTS:
  void setLogarithmic(bool log);

 Q_SIGNALS:
  void logarithmicChanged(bool log);

 protected:
  void drawData(QPainter& painter, const PlotFrame& frame) const override;
  [[nodiscard]] std::optional<PlotReadout> readoutAt(const QPointF& at) const override;
  [[nodiscard]] std::vector<PlotEntry> legend(const Palette& colors) const override;
  [[nodiscard]] QPointF stepFrom(const QPointF& at, int dx, int dy) const override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void refresh();
  void updateAxes();
  void drawPaths(QPainter& painter, const PlotFrame& frame) const;
  void drawLevels(QPainter& painter, const PlotFrame& frame) const;
  [[nodiscard]] QString pinnedLabel() const;

  LayerReportPtr m_report, m_pinned;
  MethodStyle m_style, m_pinnedStyle;
  bool m_log = true;
  QToolButton* m_logButton = nullptr;
  std::unique_ptr<SeriesLayer> m_layer;
};

}  // namespace qs
