#pragma once

#include <cstdint>

#include "ui/charts/plot_view.h"

class QDoubleSpinBox;

namespace qs {

/// One configuration in the trade-off: what it costs and what it loses.
struct TradeoffPoint {
  QString id;    ///< given back by pointSelected
  QString name;  ///< of the method
  int slot = 1;
  double sizeBytes = 0;
  double value = 0;        ///< the loss: error or perplexity, smaller is better; NaN where it wasn't measured
  double uncertainty = 0;  ///< half the length of the error bar; 0 for none
  bool pinned = false;
  QString settings = {};  ///< "4-bit, groups of 128"
  Marker marker = Marker::Circle;
  bool operator==(const TradeoffPoint&) const = default;
};

/// What is lost for which size, and which configurations are dominated? A point a configuration, and the line of those
/// that no other beats in both. A configuration whose loss wasn't measured is a dotted line at its size.
class TradeoffView final : public PlotView {
  Q_OBJECT
 public:
  explicit TradeoffView(QWidget* parent = nullptr);

  /// `valueTitle` names the y axis: "perplexity", "relative weight error". Points of infinite loss are left out.
  void setPoints(const std::vector<TradeoffPoint>& points, const QString& valueTitle);
  /// The size limit: a vertical line, typed in the view's box or dragged with the mouse. 0 for none.
  [[nodiscard]] double budget() const { return m_budget; }
  [[nodiscard]] std::vector<TradeoffPoint> paretoFront() const;
  [[nodiscard]] PlotTable tableData() const override;
  [[nodiscard]] bool hasData() const override { return !m_points.empty(); }

 public Q_SLOTS:
  void setBudget(double bytes);

 Q_SIGNALS:
  void pointSelected(const QString& id);

 protected:
  void drawData(QPainter& painter, const PlotFrame& frame) const override;
  [[nodiscard]] std::optional<PlotReadout> readoutAt(const QPointF& at) const override;
  [[nodiscard]] std::vector<PlotEntry> legend(const Palette& colors) const override;
  [[nodiscard]] QPointF stepFrom(const QPointF& at, int dx, int dy) const override;
  void activate(const QPointF& at) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;

 private:
  void updateAxes();
  void showBudget();
  [[nodiscard]] bool isOnBudget(const QPointF& position) const;
  [[nodiscard]] std::optional<std::size_t> nearest(const QPointF& at) const;
  void drawPoint(QPainter& painter, const PlotFrame& frame, const TradeoffPoint& point) const;
  void drawNames(QPainter& painter, const PlotFrame& frame) const;

  std::vector<TradeoffPoint> m_points;      ///< by size
  std::vector<TradeoffPoint> m_unmeasured;  ///< those without a loss, by size
  QString m_valueTitle;
  double m_budget = 0;
  bool m_movesBudget = false;  ///< while the line is dragged
  QDoubleSpinBox* m_limit = nullptr;
  double m_unit = 1e9;  ///< bytes of one unit of the x axis
};

}  // namespace qs
