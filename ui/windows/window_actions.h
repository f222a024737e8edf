#pragma once

#include <QAction>
#include <QMenu>
#include <vector>

class QMainWindow;
class QUndoStack;

namespace qs {

/// Every action of the window, each in a menu. Built once; the window joins them to what they do.
struct WindowActions {
  WindowActions(QMainWindow* window, QUndoStack* undo);

  /// All actions with a shortcut, for the list of shortcuts.
  [[nodiscard]] std::vector<const QAction*> withShortcuts() const;

  QMenu *file, *edit, *view, *run, *compare, *tools, *exportMenu, *help;
  QMenu *recent, *panels;
  QAction *open, *openFolder, *openDemo, *reload, *close, *openRecipe, *saveRecipe, *modelInformation, *quit;
  QAction *undo, *redo, *copy, *copyCommand, *find, *resetSettings, *preferences;
  std::vector<QAction*> views;
  QAction *zoomIn, *zoomOut, *zoomReset, *showTable, *logCounts, *difference, *nextPane, *previousPane, *themeSystem,
      *themeLight, *themeDark, *resetLayout, *fullScreen;
  QAction *start, *cancel, *compareMethods, *chooseMethods;
  QAction *pin, *worse, *better;
  QAction *exportPlot, *exportAllPlots, *exportData, *exportModel;
  QAction *exportTableCsv, *exportTableMarkdown, *exportTablePicture;
  QAction* auditCheckpoint;
  QAction *shortcuts, *about;

 private:
  QAction* add(QMenu* menu, const QString& text, const QKeySequence& shortcut = {});
  void addFile();
  void addEdit(QUndoStack* stack);
  void addView();
  void addRun();
  void addTools();
  void addExport();
  void addHelp();

  QMainWindow* m_window;
};

}  // namespace qs
