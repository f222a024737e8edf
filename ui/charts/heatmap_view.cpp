#include "ui/charts/heatmap_view.h"

#include <QComboBox>
#include <QFontMetricsF>
#include <QPainter>
#include <QSignalBlocker>
#include <algorithm>
#include <cmath>

#include "ui/charts/report_text.h"
#include "ui/support/number_format.h"
#include "ui/support/tool_tip.h"

namespace qs {
namespace {

constexpr double kBarWidth = 12;

/// Five values along the colour bar, even in colour.
std::vector<double> barValues(double largest, bool isSigned) {
  if (isSigned) return {-largest, -largest / 4, 0, largest / 4, largest};
  return {0, largest / 16, largest / 4, largest * 9 / 16, largest};
}

}  // namespace

HeatmapView::HeatmapView(QWidget* parent) : PlotView(parent) {
  m_choice = new QComboBox;
  m_choice->addItems({tr("Weights"), tr("Quantized"), tr("Error")});
  m_choice->setAccessibleName(tr("What the heatmap shows"));
  m_choice->setToolTip(wrappedToolTip(tr("Magnitude of the weights, of the quantized weights, or the signed error")));
  connect(m_choice, &QComboBox::currentIndexChanged, this,
          [this](int index) { setQuantity(static_cast<HeatmapQuantity>(index)); });
  addControl(m_choice);
  horizontal().title = tr("input channel");
  vertical().title = tr("output channel");
  horizontal().whole = vertical().whole = true;
  horizontal().grid = vertical().grid = false;
  vertical().inverted = true;
  refresh(true);
}

void HeatmapView::setWeights(LayerWeightsPtr weights) {
  const bool newLayer = !m_weights || !weights || m_weights->name != weights->name;
  m_weights = std::move(weights);
  m_preview.reset();
  refresh(newLayer);
}

void HeatmapView::setPreview(LayerPreviewPtr preview, const MethodStyle& style) {
  const LayerWeightsPtr weights = preview ? preview->weights : nullptr;
  const bool newLayer = !m_weights || !weights || m_weights->name != weights->name;
  m_weights = weights;
  m_preview = std::move(preview);
  m_style = style;
  refresh(newLayer);
}

void HeatmapView::refresh(bool newLayer) {
  ++m_generation;
  if (newLayer) m_highlight.reset();
  m_choice->setEnabled(m_preview != nullptr);
  QString text = m_weights ? QString::fromStdString(m_weights->name) : QString();
  if (m_preview && m_quantity != HeatmapQuantity::Weight) text = layerHeading(m_preview->report, m_style);
  setHeading(text, tr("Heatmap of the weights"));
  if (!m_weights) return setEmpty(tr("No layer selected. Pick one in the model tree."));
  if (m_preview && !m_preview->report.error.empty() && m_quantity != HeatmapQuantity::Weight)
    return setFailed(QString::fromStdString(m_preview->report.error));
  horizontal().setFull({0, std::max<double>(1, static_cast<double>(m_weights->values.cols()))});
  vertical().setFull({0, std::max<double>(1, static_cast<double>(m_weights->values.rows()))});
  showData();
  if (newLayer) resetZoom();
}

void HeatmapView::setQuantity(HeatmapQuantity quantity) {
  if (m_quantity == quantity) return;
  m_quantity = quantity;
  const QSignalBlocker block(m_choice);
  m_choice->setCurrentIndex(static_cast<int>(quantity));
  refresh(false);
}

void HeatmapView::highlightChannel(std::optional<std::uint32_t> channel) {
  m_highlight = channel;
  update();
}

RasterSource HeatmapView::source() const {
  const auto exact = [weights = m_weights.get()](std::size_t row, std::span<float>) {
    return weights->values.row(row).data();
  };
  if (!m_preview || m_quantity == HeatmapQuantity::Weight) return {&m_weights->pyramid, exact};
  const LayerPreview& preview = *m_preview;
  const auto quantized = [&preview](std::size_t row, std::span<float> buffer) {
    preview.dequantizeRow(row, buffer);
    return buffer.data();
  };
  if (!showsError()) return {&preview.maps.quantized, quantized};
  const auto error = [&preview](std::size_t row, std::span<float> buffer) {
    preview.dequantizeRow(row, buffer);
    const std::span<const float> original = preview.weights->values.row(row);
    for (std::size_t c = 0; c < buffer.size(); ++c) buffer[c] -= original[c];
    return buffer.data();
  };
  return {&preview.maps.error, error};
}

RasterColors HeatmapView::rasterColors(const Palette& colors) const {
  if (!showsError()) return {Palette::magnitudes().data(), m_weights->pyramid.largestMagnitude(), false};
  return {colors.signedErrors().data(), m_preview->maps.error.largestMagnitude(), true};
}

void HeatmapView::drawData(QPainter& painter, const PlotFrame& frame) const {
  const double ratio = frame.vector ? 2 : painter.device()->devicePixelRatioF() * painter.worldTransform().m11();
  const QSize pixels = (frame.rect.size() * std::max(1.0, ratio)).toSize().expandedTo({1, 1});
  const QRectF view(xAxis().view.low, yAxis().view.low, xAxis().view.span(), yAxis().view.span());
  const bool fresh = m_cache.generation == m_generation && m_cache.view == view && m_cache.image.size() == pixels &&
                     m_cache.dark == frame.colors.isDark && (!m_cache.coarse || frame.moving);
  if (!fresh)
    m_cache = {rasterize(source(), rasterColors(frame.colors), view, pixels, frame.moving), view, frame.colors.isDark,
               frame.moving, m_generation};
  painter.drawImage(frame.rect, m_cache.image);
  drawHighlight(painter, frame);
}

void HeatmapView::drawHighlight(QPainter& painter, const PlotFrame& frame) const {
  if (!m_highlight) return;
  const double left = mapped({static_cast<double>(*m_highlight), 0}, frame.rect).x();
  const double right = mapped({static_cast<double>(*m_highlight) + 1, 0}, frame.rect).x();
  const double middle = (left + right) / 2;
  const double half = std::max(3.0, (right - left) / 2 + 1);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(frame.colors.base, 3));
  painter.drawRect(QRectF(middle - half, frame.rect.top() - 4, 2 * half, frame.rect.height() + 8));
  painter.setPen(QPen(frame.colors.selection, 1.4));
  painter.drawRect(QRectF(middle - half, frame.rect.top() - 4, 2 * half, frame.rect.height() + 8));
}

double HeatmapView::rightMargin(const QFontMetricsF& metrics) const {
  return kBarWidth + 26 + metrics.horizontalAdvance(QStringLiteral("−0.00000"));
}

void HeatmapView::drawDecoration(QPainter& painter, const PlotFrame& frame) const {
  const RasterColors scale = rasterColors(frame.colors);
  const QRectF bar(frame.rect.right() + 14, frame.rect.top() + 0.5, kBarWidth, frame.rect.height() - 1);
  QImage ramp(1, 256, QImage::Format_RGB32);
  for (int i = 0; i < 256; ++i) ramp.setPixel(0, 255 - i, scale.ramp[i]);
  painter.setRenderHint(QPainter::SmoothPixmapTransform);
  painter.drawImage(bar, ramp);
  painter.setRenderHint(QPainter::Antialiasing, false);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(frame.colors.axis);
  painter.drawRect(bar);
  const QFontMetricsF metrics(painter.font());
  const auto largest = static_cast<double>(scale.largest);
  for (const double value : barValues(largest, scale.isSigned)) {
    const double root = largest > 0 ? std::sqrt(std::abs(value) / largest) : 0;
    const double share = scale.isSigned ? 0.5 + std::copysign(root / 2, value) : root;
    const double y = bar.bottom() - share * bar.height();
    painter.setPen(frame.colors.axis);
    painter.drawLine(QPointF(bar.right(), y), QPointF(bar.right() + 4, y));
    painter.setPen(frame.colors.mutedText);
    const double baseline = std::clamp(y + metrics.ascent() / 2 - 1, bar.top() + metrics.ascent() - 2, bar.bottom());
    painter.drawText(QPointF(bar.right() + 8, baseline), number::significant(value, 2));
  }
  QRectF line(bar.left() - 4, frame.rect.bottom() + 6, 120, metrics.height());
  for (const QString& text : {scale.isSigned ? tr("ŵ − w") : tr("|w|"), tr("√ scale")}) {
    painter.drawText(line, text);
    line.translate(0, metrics.height() + 2);
  }
}

std::optional<PlotReadout> HeatmapView::readoutAt(const QPointF& at) const {
  if (!m_weights || m_weights->values.empty()) return {};
  const Matrix& values = m_weights->values;
  if (at.x() < 0 || at.y() < 0) return {};
  const auto col = std::min(static_cast<std::size_t>(at.x()), values.cols() - 1);
  const auto row = std::min(static_cast<std::size_t>(at.y()), values.rows() - 1);
  PlotReadout readout;
  readout.title = tr("output %1, input %2").arg(number::count(row), number::count(col));
  readout.anchor = {static_cast<double>(col) + 0.5, static_cast<double>(row) + 0.5};
  const auto weight = static_cast<double>(values(row, col));
  readout.entries.push_back({.label = tr("weight"), .value = number::significant(weight, 4)});
  if (m_preview) {
    std::vector<float> line(values.cols());
    m_preview->dequantizeRow(row, line);
    const auto quantized = static_cast<double>(line[col]);
    readout.entries.push_back({.label = tr("quantized"), .value = number::significant(quantized, 4)});
    readout.entries.push_back({.label = tr("error"), .value = number::significant(quantized - weight, 3)});
  }
  return readout;
}

QPointF HeatmapView::stepFrom(const QPointF& at, int dx, int dy) const {
  const double across = std::max(1.0, std::round(xAxis().view.span() / 200));
  const double down = std::max(1.0, std::round(yAxis().view.span() / 200));
  const auto cols = static_cast<double>(m_weights->values.cols());
  const auto rows = static_cast<double>(m_weights->values.rows());
  return {std::clamp(std::floor(at.x()) + dx * across, 0.0, cols - 1) + 0.5,
          std::clamp(std::floor(at.y()) - dy * down, 0.0, rows - 1) + 0.5};
}

void HeatmapView::activate(const QPointF& at) {
  if (!m_weights || at.x() < 0 || at.x() >= static_cast<double>(m_weights->values.cols())) return;
  m_highlight = static_cast<std::uint32_t>(at.x());
  update();
  Q_EMIT channelSelected(*m_highlight);
}

PlotTable HeatmapView::tableData() const {
  PlotTable table{heading(), {tr("output channel"), tr("input channel"), tr("weight")}, {}};
  if (!m_weights) return table;
  if (m_preview) table.headers << tr("quantized") << tr("error");
  constexpr std::size_t kMostPerSide = 256;  // a table of the part in view stays readable
  const auto first = [](const AxisRange& view) { return static_cast<std::size_t>(std::floor(view.low)); };
  const auto end = [&](const AxisRange& view, std::size_t size) {
    return std::min({static_cast<std::size_t>(std::ceil(view.high)), first(view) + kMostPerSide, size});
  };
  std::vector<float> line(m_weights->values.cols());
  for (std::size_t r = first(yAxis().view); r < end(yAxis().view, m_weights->values.rows()); ++r) {
    if (m_preview) m_preview->dequantizeRow(r, line);
    for (std::size_t c = first(xAxis().view); c < end(xAxis().view, m_weights->values.cols()); ++c) {
      const auto weight = static_cast<double>(m_weights->values(r, c));
      std::vector<PlotCell> row{static_cast<double>(r), static_cast<double>(c), weight};
      if (m_preview) {
        const auto value = static_cast<double>(line[c]);
        row.emplace_back(value);
        row.emplace_back(value - weight);
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

}  // namespace qs
