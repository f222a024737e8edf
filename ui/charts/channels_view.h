#pragma once

#include <cstdint>

#include "core/session/quant_report.h"
#include "ui/charts/plot_view.h"

class QToolButton;

namespace qs {

/// Which input channels are outliers? Percentile bands and abs-max of every input channel, sorted by abs-max or in
/// channel order; or the error of each channel.
class ChannelsView final : public PlotView {
  Q_OBJECT
 public:
  explicit ChannelsView(QWidget* parent = nullptr);

  void setReport(LayerReportPtr report, const MethodStyle& style = {});
  [[nodiscard]] bool isSorted() const { return m_sorted; }
  [[nodiscard]] bool showsError() const { return m_error; }
  [[nodiscard]] std::optional<std::uint32_t> highlightedChannel() const { return m_highlight; }
  [[nodiscard]] PlotTable tableData() const override;
  [[nodiscard]] bool hasData() const override;
  [[nodiscard]] std::size_t pointCount() const { return m_order.size(); }

 public Q_SLOTS:
  void setSorted(bool sorted);
  void setShowError(bool error);
  /// Marks a channel (selected elsewhere); no signal.
  void highlightChannel(std::optional<std::uint32_t> channel);

 Q_SIGNALS:
  void channelSelected(quint32 channel);

 protected:
  void drawData(QPainter& painter, const PlotFrame& frame) const override;
  [[nodiscard]] std::optional<PlotReadout> readoutAt(const QPointF& at) const override;
  [[nodiscard]] std::vector<PlotEntry> legend(const Palette& colors) const override;
  [[nodiscard]] QPointF stepFrom(const QPointF& at, int dx, int dy) const override;
  void activate(const QPointF& at) override;

 private:
  void rebuild();
  void updateRanges();
  void drawOutliers(QPainter& painter, const PlotFrame& frame) const;
  void drawHighlight(QPainter& painter, const PlotFrame& frame) const;
  [[nodiscard]] std::optional<std::size_t> positionAt(double value) const;
  [[nodiscard]] std::optional<std::size_t> positionOf(std::uint32_t channel) const;
  [[nodiscard]] double middleOf(std::size_t position) const;
  [[nodiscard]] std::uint32_t channelOf(std::size_t point) const;
  [[nodiscard]] QString channelText(std::size_t point) const;

  LayerReportPtr m_report;
  MethodStyle m_style;
  bool m_sorted = true;
  bool m_error = false;
  std::optional<std::uint32_t> m_highlight;
  std::vector<std::uint32_t> m_order;  ///< points by position
  std::vector<double> m_edges;         ///< left edge of each position, and the end
  QToolButton* m_sortButton = nullptr;
  QToolButton* m_errorButton = nullptr;
};

}  // namespace qs
