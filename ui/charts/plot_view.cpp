#include "ui/charts/plot_view.h"

#include <QAccessible>
#include <QFontMetricsF>
#include <QHBoxLayout>
#include <QPainter>
#include <QPushButton>
#include <cmath>

#include "ui/charts/plot_painter.h"
#include "ui/support/number_format.h"

namespace qs {

PlotView::PlotView(QWidget* parent) : QWidget(parent), m_colors(Palette::of(palette())) {
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setAutoFillBackground(false);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  m_button = new QPushButton(this);
  m_button->hide();
  connect(m_button, &QPushButton::clicked, this, &PlotView::actionRequested);
  m_controls = new QWidget(this);
  m_controlsLayout = new QHBoxLayout(m_controls);
  m_controlsLayout->setContentsMargins(0, 0, 0, 0);
  m_controlsLayout->setSpacing(4);
  m_controls->hide();
}

PlotView::~PlotView() = default;

void PlotView::addControl(QWidget* control) {
  control->setParent(m_controls);
  m_controlsLayout->addWidget(control);
  placeControls();
}

void PlotView::setEmpty(const QString& message, const QString& button) { setState(PlotState::Empty, message, button); }

void PlotView::setBusy(const QString& message, double progress) {
  m_progress = progress;
  setState(PlotState::Busy, message, {});
}

void PlotView::setIdle() {
  if (m_state == PlotState::Busy) setState(hasData() ? PlotState::Ready : PlotState::Empty, {}, {});
}

void PlotView::setFailed(const QString& reason, const QString& button) { setState(PlotState::Failed, reason, button); }

void PlotView::showData() {
  if (m_state != PlotState::Busy) setState(PlotState::Ready, {}, {});
  if (m_crosshair && !readoutAt(*m_crosshair)) m_crosshair.reset();
  placeControls();
  update();
}

void PlotView::setState(PlotState state, const QString& message, const QString& button) {
  m_state = state;
  m_message = message;
  m_button->setText(button);
  m_button->setVisible(showsMessage() && !button.isEmpty());
  placeControls();
  update();
}

bool PlotView::showsMessage() const {
  return m_state == PlotState::Failed || m_state == PlotState::Empty || (m_state == PlotState::Busy && !hasData());
}

void PlotView::setHeading(const QString& heading, const QString& what) {
  m_heading = heading;
  setAccessibleName(what);
  setAccessibleDescription(heading);
}

void PlotView::placeControls() {
  const bool shown = !showsMessage() && m_controlsLayout->count() > 0;
  m_controls->setVisible(shown);
  if (!m_button->text().isEmpty()) {
    const QRectF text = centeredText(rect(), m_message, m_state == PlotState::Failed, font());
    m_button->resize(m_button->sizeHint());
    m_button->move((width() - m_button->width()) / 2, static_cast<int>(text.bottom()) + 12);
  }
  if (!shown) return;
  m_controls->resize(m_controls->sizeHint());
  m_controls->move(screenLayout().controls.toPoint());
}

PlotLayout PlotView::layoutFor(const QSizeF& size, const QSizeF& controls, const Palette& colors) const {
  const PlotLayoutInput input{.size = size,
                              .controls = controls,
                              .font = font(),
                              .heading = m_heading,
                              .legend = legend(colors),
                              .rightMargin = rightMargin(QFontMetricsF(font())),
                              .axes = hasAxes()};
  return layoutPlot(input, m_x, m_y);
}

PlotLayout PlotView::screenLayout() const {
  const bool shown = m_controlsLayout->count() > 0 && !showsMessage();
  return layoutFor(size(), shown ? QSizeF(m_controls->sizeHint()) : QSizeF(0, 0), m_colors);
}

QRectF PlotView::plotRect() const { return screenLayout().plot; }

QPointF PlotView::mapped(const QPointF& at, const QRectF& rect) const { return toPixel(at, rect, m_x, m_y); }

QPointF PlotView::toWidget(const QPointF& at) const { return mapped(at, plotRect()); }

QPointF PlotView::toData(const QPointF& widget) const {
  const QRectF plot = plotRect();
  const double fy = (widget.y() - plot.top()) / plot.height();
  return {m_x.valueAt((widget.x() - plot.left()) / plot.width()), m_y.valueAt(m_y.inverted ? fy : 1 - fy)};
}

void PlotView::setCrosshair(const std::optional<QPointF>& at) {
  if (m_crosshair == at) return;
  m_crosshair = at;
  const QString text = readoutText();
  if (!text.isEmpty() && QAccessible::isActive()) {
    QAccessibleValueChangeEvent event(this, text);
    QAccessible::updateAccessibility(&event);
  }
  Q_EMIT readoutChanged(text);
  update();
}

QString PlotView::readoutText() const {
  if (!m_crosshair || showsMessage()) return {};
  const auto readout = readoutAt(*m_crosshair);
  if (!readout) return {};
  QStringList parts;
  if (!readout->title.isEmpty()) parts += readout->title;
  for (const PlotEntry& entry : readout->entries)
    parts += entry.value.isEmpty() ? entry.label : entry.label + QLatin1Char(' ') + entry.value;
  return parts.join(QStringLiteral(", "));
}

void PlotView::zoomIn() { zoomAt(m_crosshair.value_or(QPointF(m_x.valueAt(0.5), m_y.valueAt(0.5))), 0.5); }

void PlotView::zoomOut() { zoomAt(m_crosshair.value_or(QPointF(m_x.valueAt(0.5), m_y.valueAt(0.5))), 2); }

void PlotView::resetZoom() {
  for (PlotAxis* axis : {&m_x, &m_y})
    if (axis->zoomable) axis->view = axis->full;
  update();
}

void PlotView::zoomAt(const QPointF& at, double factor) {
  if (showsMessage()) return;
  m_x.zoom(at.x(), factor);
  m_y.zoom(at.y(), factor);
  update();
}

std::vector<PlotEntry> PlotView::legend(const Palette& /*colors*/) const { return {}; }

QPointF PlotView::stepFrom(const QPointF& at, int dx, int dy) const {
  return {m_x.valueAt(m_x.fractionOf(at.x()) + 0.01 * dx), m_y.valueAt(m_y.fractionOf(at.y()) + 0.01 * dy)};
}

void PlotView::activate(const QPointF& /*at*/) {}

double PlotView::heightOfAll(double /*width*/) const { return 0; }

double PlotView::rightMargin(const QFontMetricsF& /*metrics*/) const { return 0; }

void PlotView::drawDecoration(QPainter& /*painter*/, const PlotFrame& /*frame*/) const {}

void PlotView::drawAll(QPainter& painter, const PlotLayout& layout, PlotFrame frame) const {
  painter.setRenderHints(QPainter::Antialiasing | QPainter::TextAntialiasing);
  drawHeading(painter, layout, m_heading, legend(frame.colors), frame.colors);
  if (hasAxes()) drawAxes(painter, layout, m_x, m_y, frame.colors);
  frame.rect = layout.plot;
  painter.setFont(layout.labelFont);
  painter.save();
  painter.setClipRect(layout.plot.adjusted(0, -1, 1, 1));
  drawData(painter, frame);
  painter.restore();
  painter.save();
  drawDecoration(painter, frame);
  painter.restore();
}

QSizeF PlotView::exportSize(const QSizeF& wanted) const {
  const QRectF plot = layoutFor(wanted, {}, m_colors).plot;
  const double height = heightOfAll(plot.width());
  return height > 0 ? QSizeF(wanted.width(), wanted.height() - plot.height() + height) : wanted;
}

void PlotView::drawForExport(QPainter& painter, const QSizeF& size, const Palette& colors, bool vector) const {
  drawAll(painter, layoutFor(size, {}, colors), {.colors = colors, .vector = vector, .whole = true});
}

void PlotView::paintEvent(QPaintEvent* /*event*/) {
  m_colors = Palette::of(palette());
  QPainter painter(this);
  painter.fillRect(rect(), m_colors.base);
  if (showsMessage()) {
    drawMessage(painter);
  } else {
    const PlotLayout layout = screenLayout();
    drawAll(painter, layout, {.colors = m_colors, .moving = m_dragging});
    if (m_boxing) drawBox(painter, layout.plot);
    if (m_state == PlotState::Busy)
      drawProgress(painter, rect(), layout.plot, m_progress, m_message, layout.labelFont, m_colors);
    drawCrosshair(painter, layout);
  }
  if (!hasFocus()) return;
  painter.setRenderHint(QPainter::Antialiasing, false);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(m_colors.selection, 1));
  painter.drawRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5));
}

void PlotView::drawMessage(QPainter& painter) const {
  painter.setRenderHints(QPainter::Antialiasing | QPainter::TextAntialiasing);
  if (m_state == PlotState::Busy) drawProgress(painter, rect(), rect(), m_progress, {}, font(), m_colors);
  drawCentered(painter, rect(), m_message, m_state == PlotState::Failed, font(), m_colors);
}

void PlotView::drawCrosshair(QPainter& painter, const PlotLayout& layout) const {
  if (!m_crosshair || m_dragging || m_boxing) return;
  const auto readout = readoutAt(*m_crosshair);
  if (!readout) return;
  const QPointF at = mapped(readout->anchor, layout.plot);
  if (!layout.plot.adjusted(-1, -1, 1, 1).contains(QPointF(at.x(), layout.plot.center().y()))) return;
  painter.setPen(QPen(m_colors.axis, 1, Qt::DashLine));
  if (hasAxes()) painter.drawLine(QPointF(at.x(), layout.plot.top()), QPointF(at.x(), layout.plot.bottom()));
  if (m_y.zoomable) painter.drawLine(QPointF(layout.plot.left(), at.y()), QPointF(layout.plot.right(), at.y()));
  const double y = m_y.zoomable || !hasAxes() ? at.y() : layout.plot.top() + layout.plot.height() * 0.3;
  drawTooltip(painter, {at.x(), y}, QRectF(rect()).adjusted(4, 4, -4, -4), *readout, layout.labelFont, m_colors);
}

void PlotView::drawBox(QPainter& painter, const QRectF& plot) const {
  QRectF box = QRectF(*m_pressed, m_last).normalized().intersected(plot);
  if (!m_y.zoomable) box = {box.left(), plot.top(), box.width(), plot.height()};
  QColor fill = m_colors.selection;
  fill.setAlphaF(0.15F);
  painter.setPen(QPen(m_colors.selection, 1));
  painter.setBrush(fill);
  painter.drawRect(box);
}

}  // namespace qs
