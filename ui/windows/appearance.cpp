#include "ui/windows/appearance.h"

#include <QApplication>
#include <QPalette>
#include <cmath>

namespace qs {
namespace {

constexpr const char* kSheet = R"(
QMainWindow::separator { background: @divider; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: @accent; }
QDockWidget { titlebar-close-icon: none; titlebar-normal-icon: none; font-weight: 600; }
QDockWidget::title { background: @window; padding: 7px 12px; border-bottom: 1px solid @divider; }
QMenuBar { background: @window; border-bottom: 1px solid @divider; padding: 1px 4px; }
QMenuBar::item { padding: 4px 9px; border-radius: 4px; background: transparent; color: @text; }
QMenuBar::item:selected { background: @hover; }
QStatusBar { background: @window; border-top: 1px solid @divider; }
QStatusBar::item { border: none; }
QTabWidget::pane { border: none; border-top: 1px solid @divider; }
QTabBar { background: @window; }
QTabBar::tab { background: transparent; color: @muted; padding: 8px 7px 6px 7px; border: none;
               border-bottom: 2px solid transparent; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; }
QTabBar::tab:focus { color: @accent; }
QHeaderView { background: @base; border: none; }
QHeaderView::section { background: @base; color: @muted; border: none; border-bottom: 1px solid @divider;
                       padding: 5px 6px; font-weight: 600; }
QHeaderView::up-arrow, QHeaderView::down-arrow { subcontrol-origin: border; subcontrol-position: top center;
                       top: 1px; width: 11px; height: 8px; }
QTreeView, QTableView, QTreeWidget, QListView { background: @base; alternate-background-color: @alternate;
                       color: @text; border: 1px solid @base; selection-background-color: @selection;
                       selection-color: @text; outline: none; }
QTreeView:focus, QTableView:focus, QListView:focus { border: 1px solid @accent; }
QTreeView#facts { padding-left: 9px; padding-right: 6px; }
QTreeView::item, QListView::item { border: none; padding: 2px 0px; }
QTableView::item { border: none; padding: 0px 4px; }
QTreeView::item:hover, QListView::item:hover { background: @hover; }
QTreeView::item:selected, QTableView::item:selected, QListView::item:selected { background: @selection; color: @text; }
QLineEdit[framed="true"], QPlainTextEdit { background: @base; color: @text; border: 1px solid @border;
                       border-radius: 5px; padding: 4px 6px; selection-background-color: @primary; selection-color: @onPrimary; }
QLineEdit[framed="true"]:focus, QPlainTextEdit:focus { border: 1px solid @accent; }
QPushButton { background: @button; color: @text; border: 1px solid @border; border-radius: 5px; padding: 5px 12px; }
QPushButton:hover { background: @hover; }
QPushButton:pressed { background: @selection; }
QPushButton:focus { border: 1px solid @accent; }
QPushButton:disabled { color: @disabled; background: @window; border-color: @divider; }
QPushButton[primary="true"] { background: @primary; color: @onPrimary; border: 1px solid @primary; font-weight: 600;
                       padding: 5px 8px; }
QPushButton[primary="true"]:hover { background: @primaryHover; }
QPushButton[primary="true"]:focus { border: 1px solid @text; }
QPushButton[primary="true"]:disabled { background: @divider; color: @disabled; border-color: @divider; }
QToolButton { border: none; border-radius: 4px; padding: 3px 6px; color: @text; background: transparent; }
QToolButton:hover, QToolButton:checked { background: @hover; }
QToolButton:focus { border: 1px solid @accent; }
QProgressBar { background: @divider; border: none; border-radius: 4px; }
QProgressBar::chunk { background: @accent; border-radius: 4px; }
QLabel[textStyle="muted"] { color: @muted; }
QLabel[textStyle="title"] { font-size: 19pt; font-weight: 600; }
QLabel[textStyle="heading"] { font-weight: 600; }
QLabel[textStyle="drop"] { color: @muted; border: 1px dashed @border; border-radius: 8px; padding: 12px; }
QToolTip { background: @base; color: @text; border: 1px solid @border; padding: 4px; }
)";

QString mixed(const QColor& from, const QColor& to, double part) {
  const auto channel = [part](int a, int b) { return static_cast<int>(std::lround(a + (b - a) * part)); };
  return QColor(channel(from.red(), to.red()), channel(from.green(), to.green()), channel(from.blue(), to.blue()))
      .name();
}

}  // namespace

QString styleSheetFor(const QPalette& palette) {
  const Palette colors = Palette::of(palette);
  const QColor accent = colors.isDark ? QColor(0x4c8dff) : QColor(0x1f6bc0);
  const QColor primary(colors.isDark ? 0x2f6fd6 : 0x1f6bc0);  // 4.5:1 under white text
  const QColor& text = colors.text;
  const QColor& window = colors.window;
  const QColor& base = colors.base;
  const std::pair<const char*, QString> names[] = {
      {"@primaryHover", mixed(primary, colors.isDark ? base : text, 0.15)},
      {"@primary", primary.name()},
      {"@onPrimary", QStringLiteral("#ffffff")},
      {"@accent", accent.name()},
      {"@divider", mixed(window, text, 0.13)},
      {"@border", mixed(window, text, 0.26)},
      {"@hover", mixed(window, text, 0.08)},
      {"@selection", mixed(base, accent, colors.isDark ? 0.42 : 0.20)},
      {"@alternate", mixed(base, text, 0.025)},
      {"@button", colors.isDark ? mixed(window, text, 0.10) : base.name()},
      {"@disabled", mixed(window, text, 0.42)},
      {"@muted", colors.mutedText.name()},
      {"@window", window.name()},
      {"@base", base.name()},
      {"@text", text.name()},
  };
  QString sheet = QLatin1String(kSheet);
  for (const auto& [name, color] : names) sheet.replace(QLatin1String(name), color);
  return sheet;
}

void applyAppearance(Theme theme) {
  applyTheme(theme);
  QPalette boxes = QApplication::palette();
  const Palette colors = Palette::of(boxes);
  if (colors.isDark) boxes.setColor(QPalette::Window, colors.mutedText);  // Fusion darkens it for the outline
  QApplication::setPalette(boxes, "QCheckBox");
  QPalette inputs = QApplication::palette();
  if (colors.isDark) inputs.setColor(QPalette::Window, colors.axis);
  for (const char* input : {"QComboBox", "QAbstractSpinBox"}) QApplication::setPalette(inputs, input);
  qApp->setStyleSheet(styleSheetFor(QApplication::palette()));
}

}  // namespace qs
