#pragma once

#include <QHash>
#include <QStringList>
#include <limits>

#include "core/session/quant_report.h"
#include "ui/charts/plot_view.h"
#include "ui/charts/run_layers.h"

class QScrollBar;
class QToolButton;

namespace qs {

/// Which layers look unlike the rest? A small histogram for every layer of a run: weights before as an area, after as
/// an outline. Cells stand in the order of the model, a whole number of blocks in a line where they fit. Grows while
/// layers arrive.
///
/// Mouse: wheel scrolls, click selects, double click opens. Keys: arrows, Home, End and the page keys select, Enter
/// opens.
class HistogramGridView final : public PlotView {
  Q_OBJECT
 public:
  explicit HistogramGridView(QWidget* parent = nullptr);

  /// The layers of the model in order: the places of the cells before their reports have come.
  void setLayers(const QStringList& names);
  /// Replaces all reports. Layers not named by setLayers are appended.
  void setReports(const std::vector<LayerReportPtr>& reports, const MethodStyle& style = {});
  /// How the run is called.
  void setStyle(const MethodStyle& style);
  /// Whether a run B is pinned beside this one, which then is called A.
  void setIsA(bool isA);
  /// Adds finished layers.
  void addReports(const std::vector<LayerReportPtr>& reports);
  [[nodiscard]] QString selectedLayer() const { return m_selected; }
  [[nodiscard]] bool isLogarithmic() const { return m_log; }
  [[nodiscard]] int columnCount() const { return m_grid.columns; }
  /// The layers of the cells in view, those that are cut included.
  [[nodiscard]] QStringList layersInView() const;
  /// Where a layer's cell stands in the widget.
  [[nodiscard]] QRectF cellOf(const QString& layer) const;
  [[nodiscard]] PlotTable tableData() const override;
  [[nodiscard]] bool hasData() const override { return !m_layers.isEmpty(); }

 public Q_SLOTS:
  void setLogarithmic(bool log);
  /// Whether layers of one name, as "down_proj", share the range of their weights.
  void setSameRange(bool same);
  /// Marks a layer selected elsewhere and scrolls to it; no signal.
  void selectLayer(const QString& name);

 Q_SIGNALS:
  void logarithmicChanged(bool log);
  void layerSelected(const QString& name);
  void layerOpened(const QString& name);

 protected:
  void drawData(QPainter& painter, const PlotFrame& frame) const override;
  [[nodiscard]] std::optional<PlotReadout> readoutAt(const QPointF& at) const override;
  [[nodiscard]] std::vector<PlotEntry> legend(const Palette& colors) const override;
  [[nodiscard]] double rightMargin(const QFontMetricsF& metrics) const override;
  [[nodiscard]] double heightOfAll(double width) const override;
  [[nodiscard]] bool hasAxes() const override { return false; }
  void activate(const QPointF& at) override;
  void keyPressEvent(QKeyEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void placeControls() override;

 private:
  /// How cells stand in a width.
  struct Grid {
    int columns = 1;
    int rows = 1;
    QSizeF cell{1, 1};

    /// Column and row of a cell.
    [[nodiscard]] QPointF placeOf(std::size_t index) const;
  };

  void refresh();
  void findRanges();
  /// Cells of a readable width; smaller ones where all would be higher than `most`.
  [[nodiscard]] Grid gridFor(double width, double most = std::numeric_limits<double>::infinity()) const;
  /// Puts cells, axes and scroll bar to the size of the widget.
  void arrange();
  void scrollTo(double row);
  void scrollBy(double rows);
  void showCell(std::size_t index);
  void choose(std::size_t index);
  void step(int by);
  [[nodiscard]] std::optional<std::size_t> indexAt(const QPointF& at) const;
  [[nodiscard]] QPointF centerOf(std::size_t index) const;
  [[nodiscard]] AxisRange rangeOf(std::size_t index) const;
  void drawCell(QPainter& painter, const PlotFrame& frame, const QRectF& cell, std::size_t index) const;
  void drawCaption(QPainter& painter, const PlotFrame& frame, const QRectF& line, std::size_t index) const;
  void drawHistograms(QPainter& painter, const PlotFrame& frame, const QRectF& rect, std::size_t index) const;

  RunLayers m_layers;
  MethodStyle m_style;
  QHash<QString, AxisRange> m_ranges;  ///< of the weights, by the layers' last name
  QString m_selected;
  bool m_isA = false;
  bool m_log = true;
  bool m_sameRange = true;
  Grid m_grid;
  double m_top = 0;        ///< the row at the upper edge
  bool m_followed = true;  ///< whether the selected cell is kept in view
  QScrollBar* m_bar = nullptr;
  QToolButton* m_rangeButton = nullptr;
};

}  // namespace qs
