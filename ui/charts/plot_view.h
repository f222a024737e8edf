#pragma once

#include <QPointF>
#include <QWidget>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ui/charts/plot_axis.h"
#include "ui/charts/plot_entry.h"
#include "ui/charts/plot_layout.h"
#include "ui/charts/plot_table.h"
#include "ui/support/palette.h"

class QHBoxLayout;
class QPushButton;

namespace qs {

enum class PlotState : std::uint8_t { Empty, Busy, Ready, Failed };
/// Base of every chart: header, legend, axes, crosshair with one tooltip, zoom and pan by mouse and keyboard, empty,
/// busy and failed states, table of the data, and drawing for export. Views draw the data and answer for a position.
///
/// Mouse: wheel zooms at the cursor, drag pans, Shift+drag zooms to a box, double click resets, click activates.
/// Keys: arrows step the crosshair (Shift pans), + − 0 zoom, Enter activates, Esc drops the crosshair.
class PlotView : public QWidget {
  Q_OBJECT
 public:
  explicit PlotView(QWidget* parent = nullptr);
  ~PlotView() override;

  /// Says what is missing, with a button when its text isn't empty (actionRequested).
  void setEmpty(const QString& message, const QString& button = {});
  /// Keeps what is drawn under a thin bar; `progress` 0…1, or less than 0 where unknown.
  void setBusy(const QString& message, double progress = -1);
  /// Back from busy to the data (or to empty where there is none).
  void setIdle();
  void setFailed(const QString& reason, const QString& button = {});
  [[nodiscard]] PlotState state() const { return m_state; }
  [[nodiscard]] QString stateMessage() const { return m_message; }

  /// Headline of the plot; the views set it from their data.
  [[nodiscard]] QString heading() const { return m_heading; }
  [[nodiscard]] virtual PlotTable tableData() const = 0;
  [[nodiscard]] virtual bool hasData() const = 0;
  /// The size of a picture that was asked for, made as high as all of the data needs.
  [[nodiscard]] QSizeF exportSize(const QSizeF& wanted) const;
  /// Draws header, legend, axes and data without controls into a size in logical pixels.
  void drawForExport(QPainter& painter, const QSizeF& size, const Palette& colors, bool vector) const;

  [[nodiscard]] const PlotAxis& xAxis() const { return m_x; }
  [[nodiscard]] const PlotAxis& yAxis() const { return m_y; }
  [[nodiscard]] QRectF plotRect() const;  ///< in widget coordinates
  [[nodiscard]] QPointF toWidget(const QPointF& at) const;
  [[nodiscard]] QPointF toData(const QPointF& widget) const;
  [[nodiscard]] std::optional<QPointF> crosshair() const { return m_crosshair; }
  void setCrosshair(const std::optional<QPointF>& at);
  [[nodiscard]] QString readoutText() const;  ///< of the crosshair, as sent to screen readers

  [[nodiscard]] QSize sizeHint() const override { return {720, 400}; }
  [[nodiscard]] QSize minimumSizeHint() const override { return {280, 150}; }

 public Q_SLOTS:
  void zoomIn();
  void zoomOut();
  void resetZoom();

 Q_SIGNALS:
  void actionRequested();  ///< the button of an empty or failed view
  void readoutChanged(const QString& text);

 protected:
  virtual void drawData(QPainter& painter, const PlotFrame& frame) const = 0;
  /// What is at a position; nothing where the view has nothing to say.
  [[nodiscard]] virtual std::optional<PlotReadout> readoutAt(const QPointF& at) const = 0;
  [[nodiscard]] virtual std::vector<PlotEntry> legend(const Palette& colors) const;
  /// The next position in a direction of −1, 0 or 1 each; by default a hundredth of the view.
  [[nodiscard]] virtual QPointF stepFrom(const QPointF& at, int dx, int dy) const;
  /// A click on the data or Enter at the crosshair.
  virtual void activate(const QPointF& at);
  /// Room to the right of the data, for a colour bar.
  [[nodiscard]] virtual double rightMargin(const QFontMetricsF& metrics) const;
  virtual void drawDecoration(QPainter& painter, const PlotFrame& frame) const;
  /// Axes, and the crosshair's lines.
  [[nodiscard]] virtual bool hasAxes() const { return true; }
  /// How high all of the data is at a width; 0 where it is drawn into any height.
  [[nodiscard]] virtual double heightOfAll(double width) const;
  /// Called whenever the room for them may have changed.
  virtual void placeControls();

  void setHeading(const QString& heading, const QString& what);
  void addControl(QWidget* control);
  void showData();  ///< leaves empty and failed states; repaints
  [[nodiscard]] PlotAxis& horizontal() { return m_x; }
  [[nodiscard]] PlotAxis& vertical() { return m_y; }
  [[nodiscard]] const Palette& colors() const { return m_colors; }
  [[nodiscard]] QPointF mapped(const QPointF& at, const QRectF& rect) const;

  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void changeEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;

 private:
  [[nodiscard]] PlotLayout layoutFor(const QSizeF& size, const QSizeF& controls, const Palette& colors) const;
  [[nodiscard]] PlotLayout screenLayout() const;
  [[nodiscard]] bool showsMessage() const;
  void drawAll(QPainter& painter, const PlotLayout& layout, PlotFrame frame) const;
  void drawCrosshair(QPainter& painter, const PlotLayout& layout) const;
  void drawBox(QPainter& painter, const QRectF& plot) const;
  void drawMessage(QPainter& painter) const;
  void hover(const QPointF& position);
  void stepCrosshair(int dx, int dy);
  void setState(PlotState state, const QString& message, const QString& button);
  void zoomAt(const QPointF& at, double factor);

  PlotAxis m_x, m_y;
  Palette m_colors;
  QString m_heading;
  PlotState m_state = PlotState::Empty;
  QString m_message;
  double m_progress = -1;
  std::optional<QPointF> m_crosshair;
  QPushButton* m_button = nullptr;
  QWidget* m_controls = nullptr;
  QHBoxLayout* m_controlsLayout = nullptr;
  std::optional<QPointF> m_pressed;
  QPointF m_last;
  bool m_dragging = false;
  bool m_boxing = false;
};

}  // namespace qs
