#include "ui/windows/window_actions.h"

#include <QActionGroup>
#include <QMainWindow>
#include <QMenuBar>
#include <QUndoStack>

#include "ui/windows/view_area.h"

namespace qs {
namespace {

QString tr(const char* text) { return QObject::tr(text); }

}  // namespace

WindowActions::WindowActions(QMainWindow* window, QUndoStack* undoStack) : m_window(window) {
  QMenuBar* bar = window->menuBar();
  file = bar->addMenu(tr("&File"));
  edit = bar->addMenu(tr("&Edit"));
  view = bar->addMenu(tr("&View"));
  run = bar->addMenu(tr("&Run"));
  compare = bar->addMenu(tr("&Compare"));
  tools = bar->addMenu(tr("&Tools"));
  exportMenu = bar->addMenu(tr("E&xport"));
  help = bar->addMenu(tr("&Help"));
  addFile();
  addEdit(undoStack);
  addView();
  addRun();
  addTools();
  addExport();
  addHelp();
}

QAction* WindowActions::add(QMenu* menu, const QString& text, const QKeySequence& shortcut) {
  QAction* action = menu->addAction(text);
  action->setShortcut(shortcut);
  return action;
}

void WindowActions::addFile() {
  open = add(file, tr("&Open file…"), QKeySequence::Open);
  openFolder = add(file, tr("Open &folder…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_O));
  openDemo = add(file, tr("Open &demo model"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_D));
  recent = file->addMenu(tr("&Recent"));
  reload = add(file, tr("Re&load"), QKeySequence(Qt::Key_F5));
  close = add(file, tr("&Close model"), QKeySequence::Close);
  file->addSeparator();
  openRecipe = add(file, tr("Open rec&ipe…"));
  saveRecipe = add(file, tr("&Save recipe…"), QKeySequence::Save);
  file->addSeparator();
  modelInformation = add(file, tr("&Model information…"), QKeySequence(Qt::CTRL | Qt::Key_I));
  file->addSeparator();
  quit = add(file, tr("&Quit"), QKeySequence(Qt::CTRL | Qt::Key_Q));
}

void WindowActions::addEdit(QUndoStack* stack) {
  undo = stack->createUndoAction(m_window, tr("&Undo"));
  undo->setShortcut(QKeySequence::Undo);
  redo = stack->createRedoAction(m_window, tr("&Redo"));
  redo->setShortcut(QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z));
  edit->addAction(undo);
  edit->addAction(redo);
  edit->addSeparator();
  copy = add(edit, tr("&Copy table or plot"), QKeySequence::Copy);
  copyCommand = add(edit, tr("Copy as command &line"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_C));
  edit->addSeparator();
  find = add(edit, tr("&Find tensor"), QKeySequence::Find);
  resetSettings = add(edit, tr("Restore &defaults"));
  edit->addSeparator();
  preferences = add(edit, tr("&Preferences…"), QKeySequence(Qt::CTRL | Qt::Key_Comma));
}

void WindowActions::addView() {
  int number = 0;
  for (const ViewArea::View each : ViewArea::allViews()) {
    views.push_back(add(view, ViewArea::title(each), QKeySequence(Qt::ALT | (Qt::Key_1 + number++))));
  }
  view->addSeparator();
  zoomIn = add(view, tr("Zoom &in"), QKeySequence::ZoomIn);
  zoomOut = add(view, tr("Zoom &out"), QKeySequence::ZoomOut);
  zoomReset = add(view, tr("&Whole plot"), QKeySequence(Qt::CTRL | Qt::Key_0));
  logCounts = add(view, tr("&Logarithmic counts"), QKeySequence(Qt::Key_L));
  logCounts->setShortcutContext(Qt::WidgetShortcut);  // a letter acts in the plot only
  logCounts->setCheckable(true);
  logCounts->setChecked(true);
  difference = add(view, tr("&Difference of A and B"), QKeySequence(Qt::Key_D));
  difference->setShortcutContext(Qt::WidgetShortcut);
  difference->setCheckable(true);
  showTable = add(view, tr("Show as &table…"), QKeySequence(Qt::Key_F7));
  view->addSeparator();
  panels = view->addMenu(tr("&Panels"));
  nextPane = add(view, tr("&Next panel"), QKeySequence(Qt::Key_F6));
  previousPane = add(view, tr("Pre&vious panel"), QKeySequence(Qt::SHIFT | Qt::Key_F6));
  QMenu* theme = view->addMenu(tr("T&heme"));
  auto* group = new QActionGroup(m_window);
  const auto addTheme = [&](const QString& text) {
    QAction* action = theme->addAction(text);
    action->setCheckable(true);
    group->addAction(action);
    return action;
  };
  themeSystem = addTheme(tr("&System"));
  themeLight = addTheme(tr("&Light"));
  themeDark = addTheme(tr("&Dark"));
  resetLayout = add(view, tr("&Reset layout"));
  fullScreen = add(view, tr("&Full screen"), QKeySequence(Qt::Key_F11));
  fullScreen->setCheckable(true);
}

void WindowActions::addRun() {
  start = add(run, tr("&Run on all layers"), QKeySequence(Qt::CTRL | Qt::Key_R));
  compareMethods = add(run, tr("Compare &methods"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_R));
  chooseMethods = add(run, tr("C&hoose methods to compare…"));
  cancel = add(run, tr("&Cancel"), QKeySequence(Qt::Key_Escape));
  pin = add(compare, tr("&Pin run as B"), QKeySequence(Qt::CTRL | Qt::Key_2));
  compare->addSeparator();
  worse = add(compare, tr("Next &worst layer"), QKeySequence(Qt::ALT | Qt::Key_Down));
  better = add(compare, tr("Pre&vious worst layer"), QKeySequence(Qt::ALT | Qt::Key_Up));
}

void WindowActions::addTools() {
  auditCheckpoint = add(tools, tr("&Audit checkpoint…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_A));
}

void WindowActions::addExport() {
  exportModel = add(exportMenu, tr("&Quantized model…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S));
  exportMenu->addSeparator();
  exportTableCsv = add(exportMenu, tr("Comparison table (&CSV)…"));
  exportTableMarkdown = add(exportMenu, tr("Comparison table (&Markdown)…"));
  exportTablePicture = add(exportMenu, tr("Comparison table (P&NG)…"));
  exportMenu->addSeparator();
  exportPlot = add(exportMenu, tr("&Plot (PNG, SVG)…"), QKeySequence(Qt::CTRL | Qt::Key_E));
  exportAllPlots = add(exportMenu, tr("&All plots…"));
  exportData = add(exportMenu, tr("&Data of this plot (CSV)…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E));
}

void WindowActions::addHelp() {
  shortcuts = add(help, tr("&Shortcuts"), QKeySequence(Qt::Key_F1));
  about = add(help, tr("&About QuantScope"));
}

std::vector<const QAction*> WindowActions::withShortcuts() const {
  std::vector<const QAction*> found;
  for (const QMenu* menu : {file, edit, view, run, compare, tools, exportMenu, help}) {
    for (const QAction* action : menu->actions()) {
      if (!action->shortcut().isEmpty()) found.push_back(action);
    }
  }
  return found;
}

}  // namespace qs
