// How a plot answers mouse and keyboard.
#include <QApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "ui/charts/plot_view.h"

namespace qs {

void PlotView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  placeControls();
}

void PlotView::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) m_colors = Palette::of(palette());
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange ||
      event->type() == QEvent::StyleChange) {
    placeControls();
    update();
  }
}

void PlotView::keyPressEvent(QKeyEvent* event) {
  if (showsMessage()) return QWidget::keyPressEvent(event);
  const bool shift = event->modifiers().testFlag(Qt::ShiftModifier);
  if (event->modifiers().testFlag(Qt::ControlModifier) || event->modifiers().testFlag(Qt::AltModifier))
    return QWidget::keyPressEvent(event);
  const auto move = [&](int dx, int dy) {
    if (!shift) return stepCrosshair(dx, dy);
    m_x.pan(0.1 * dx);
    m_y.pan(0.1 * (m_y.inverted ? -dy : dy));
    update();
  };
  switch (event->key()) {
    case Qt::Key_Left:
      return move(-1, 0);
    case Qt::Key_Right:
      return move(1, 0);
    case Qt::Key_Up:
      return move(0, 1);
    case Qt::Key_Down:
      return move(0, -1);
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoomIn();
    case Qt::Key_Minus:
      return zoomOut();
    case Qt::Key_0:
      return resetZoom();
    case Qt::Key_Return:
    case Qt::Key_Enter:
      if (m_crosshair) return activate(*m_crosshair);
      break;
    case Qt::Key_Escape:
      if (m_crosshair) return setCrosshair({});
      break;
    default:
      break;
  }
  QWidget::keyPressEvent(event);
}

void PlotView::stepCrosshair(int dx, int dy) {
  if (!m_crosshair) return setCrosshair(QPointF(m_x.valueAt(0.5), m_y.valueAt(0.5)));
  QPointF next = stepFrom(*m_crosshair, dx, dy);
  next.setX(std::clamp(next.x(), m_x.full.low, m_x.full.high));
  next.setY(std::clamp(next.y(), m_y.full.low, m_y.full.high));
  const double fraction = m_x.fractionOf(next.x());
  if (fraction < 0 || fraction > 1) m_x.pan(fraction - 0.5);
  const double rise = m_y.fractionOf(next.y());
  if (m_y.zoomable && (rise < 0 || rise > 1)) m_y.pan(rise - 0.5);
  setCrosshair(next);
}

void PlotView::wheelEvent(QWheelEvent* event) {
  if (showsMessage() || !plotRect().contains(event->position())) return event->ignore();
  zoomAt(toData(event->position()), std::pow(0.8, event->angleDelta().y() / 120.0));
  event->accept();
}

void PlotView::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || showsMessage()) return QWidget::mousePressEvent(event);
  if (!plotRect().contains(event->position())) return;
  m_pressed = m_last = event->position();
  m_boxing = event->modifiers().testFlag(Qt::ShiftModifier) && (m_x.zoomable || m_y.zoomable);
}

void PlotView::mouseMoveEvent(QMouseEvent* event) {
  const QPointF position = event->position();
  if (!m_pressed) return hover(position);
  if (!m_boxing && !m_dragging && (position - *m_pressed).manhattanLength() >= QApplication::startDragDistance())
    m_dragging = true;
  if (m_dragging) {
    const QRectF plot = plotRect();
    m_x.pan((m_last.x() - position.x()) / plot.width());
    m_y.pan((m_last.y() - position.y()) / plot.height() * (m_y.inverted ? 1 : -1));
  }
  m_last = position;
  update();
}

void PlotView::hover(const QPointF& position) {
  if (showsMessage() || !plotRect().contains(position)) return setCrosshair({});
  setCrosshair(toData(position));
}

void PlotView::mouseReleaseEvent(QMouseEvent* event) {
  if (!m_pressed || event->button() != Qt::LeftButton) return QWidget::mouseReleaseEvent(event);
  const QPointF pressed = *m_pressed;
  const bool clicked = !m_dragging && !m_boxing;
  if (m_boxing && (event->position() - pressed).manhattanLength() > 6) {
    const QPointF a = toData(pressed);
    const QPointF b = toData(event->position());
    if (m_x.zoomable) m_x.setView({std::min(a.x(), b.x()), std::max(a.x(), b.x())});
    if (m_y.zoomable) m_y.setView({std::min(a.y(), b.y()), std::max(a.y(), b.y())});
  }
  m_pressed.reset();
  m_dragging = m_boxing = false;
  update();
  if (clicked) activate(toData(pressed));
}

void PlotView::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton && !showsMessage()) resetZoom();
}

void PlotView::leaveEvent(QEvent* event) {
  setCrosshair({});
  QWidget::leaveEvent(event);
}

void PlotView::focusInEvent(QFocusEvent* event) {
  QWidget::focusInEvent(event);
  update();
}

void PlotView::focusOutEvent(QFocusEvent* event) {
  QWidget::focusOutEvent(event);
  update();
}

}  // namespace qs
