#pragma once

#include "core/quant/method_info.h"
#include "ui/charts/plot_view.h"

namespace qs {

class SeriesLayer;

/// Curves that a method left: the loss of a search over its parameter, of a training over its steps. Updates live.
class CurveView final : public PlotView {
  Q_OBJECT
 public:
  explicit CurveView(QWidget* parent = nullptr);
  ~CurveView() override;

  /// Curves with the axes of the first one; at most 8 are told apart.
  void setCurves(const std::vector<MethodCurve>& curves, const QString& heading, const MethodStyle& style = {});
  [[nodiscard]] PlotTable tableData() const override;
  [[nodiscard]] bool hasData() const override;

 protected:
  void drawData(QPainter& painter, const PlotFrame& frame) const override;
  [[nodiscard]] std::optional<PlotReadout> readoutAt(const QPointF& at) const override;
  [[nodiscard]] std::vector<PlotEntry> legend(const Palette& colors) const override;
  [[nodiscard]] QPointF stepFrom(const QPointF& at, int dx, int dy) const override;

 private:
  [[nodiscard]] QColor colorOf(std::size_t curve, const Palette& colors) const;

  std::vector<MethodCurve> m_curves;
  MethodStyle m_style;
  std::unique_ptr<SeriesLayer> m_layer;
};

}  // namespace qs
