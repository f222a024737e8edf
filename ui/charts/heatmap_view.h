#pragma once

#include <QImage>
#include <cstdint>

#include "core/session/preview.h"
#include "ui/charts/matrix_raster.h"
#include "ui/charts/plot_view.h"

class QComboBox;

namespace qs {

enum class HeatmapQuantity : std::uint8_t { Weight, Quantized, Error };

/// Where is the error: one row, one column or everywhere? The magnitudes of a layer's weights, or the signed error of
/// the quantized ones, pooled so that a single outlier stays visible at every zoom.
class HeatmapView final : public PlotView {
  Q_OBJECT
 public:
  explicit HeatmapView(QWidget* parent = nullptr);

  /// Weights alone, before the first preview.
  void setWeights(LayerWeightsPtr weights);
  void setPreview(LayerPreviewPtr preview, const MethodStyle& style = {});
  [[nodiscard]] HeatmapQuantity quantity() const { return m_quantity; }
  [[nodiscard]] std::optional<std::uint32_t> highlightedChannel() const { return m_highlight; }
  [[nodiscard]] PlotTable tableData() const override;
  [[nodiscard]] bool hasData() const override { return m_weights != nullptr; }

 public Q_SLOTS:
  void setQuantity(qs::HeatmapQuantity quantity);
  void highlightChannel(std::optional<std::uint32_t> channel);

 Q_SIGNALS:
  void channelSelected(quint32 channel);

 protected:
  void drawData(QPainter& painter, const PlotFrame& frame) const override;
  void drawDecoration(QPainter& painter, const PlotFrame& frame) const override;
  [[nodiscard]] std::optional<PlotReadout> readoutAt(const QPointF& at) const override;
  [[nodiscard]] QPointF stepFrom(const QPointF& at, int dx, int dy) const override;
  [[nodiscard]] double rightMargin(const QFontMetricsF& metrics) const override;
  void activate(const QPointF& at) override;

 private:
  void refresh(bool newLayer);
  [[nodiscard]] bool showsError() const { return m_quantity == HeatmapQuantity::Error && m_preview; }
  [[nodiscard]] RasterSource source() const;
  [[nodiscard]] RasterColors rasterColors(const Palette& colors) const;
  void drawHighlight(QPainter& painter, const PlotFrame& frame) const;

  /// The last image with all that it depends on: hovering repaints without rendering again.
  struct Cache {
    QImage image;
    QRectF view;
    bool dark = false;
    bool coarse = false;
    int generation = -1;
  };

  LayerWeightsPtr m_weights;
  LayerPreviewPtr m_preview;
  MethodStyle m_style;
  HeatmapQuantity m_quantity = HeatmapQuantity::Weight;
  std::optional<std::uint32_t> m_highlight;
  QComboBox* m_choice = nullptr;
  int m_generation = 0;
  mutable Cache m_cache;
};

}  // namespace qs
