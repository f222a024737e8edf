#pragma once

#include <QMainWindow>
#include <QPointer>
#include <memory>

#include "ui/support/palette.h"
#include "ui/windows/dialogs.h"
#include "ui/windows/window_actions.h"
#include "ui/windows/window_docks.h"
#include "ui/windows/workbench.h"

namespace qs {

class ExportMenu;
class MessageBar;
class ProgressStrip;
class SessionKeeper;
class ViewArea;

/// The window: docks around the views, menus, the message bar and the progress strip. What it shows and does lies in
/// the Workbench; window_links joins the two.
class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  explicit MainWindow(const ProgramFolders& folders, QWidget* parent = nullptr);
  ~MainWindow() override;

  [[nodiscard]] Workbench& workbench() { return *m_workbench; }
  [[nodiscard]] ViewArea& views() { return *m_views; }
  [[nodiscard]] WindowDocks& docks() { return m_docks; }
  [[nodiscard]] WindowActions& actions() { return m_actions; }
  [[nodiscard]] MessageBar& messages() { return *m_messages; }
  [[nodiscard]] ProgressStrip& progress() { return *m_progress; }
  [[nodiscard]] const ProgramFolders& folders() const { return m_folders; }
  [[nodiscard]] ExportMenu& exports() { return *m_exports; }
  [[nodiscard]] SessionKeeper& session() { return *m_session; }

 public Q_SLOTS:
  void open(const QString& path);
  void askForFile();
  void askForFolder();
  void setTheme(qs::Theme theme);
  /// Brings back the size and the docks of the last time, and offers to continue what was done then.
  void restoreWindowState();
  /// Whether the settings and the session are stored, and closing may ask: not where the window is only made for its
  /// pictures.
  void setKeepsSettings(bool keeps);

 protected:
  void closeEvent(QCloseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  void joinFileActions();
  void joinEditActions();
  void joinViewActions();
  /// A view of histograms follows the action, and the other way round.
  template <typename View>
  void joinLogCounts(View* view);
  void joinHelpActions();
  void keepSettings() const;
  /// Whether closing has to wait for an answer: a job is at work.
  [[nodiscard]] bool asksBeforeClosing();
  void fillRecent();
  void openRecipe();
  void saveRecipe();
  void copyCurrent();
  /// Moves the focus to the next (1) or previous (−1) panel that is shown.
  void focusPane(int by);
  bool focusInto(QWidget& pane);
  void applyPreferences(const Preferences& preferences);

  ProgramFolders m_folders;
  std::unique_ptr<Workbench> m_workbench;
  ViewArea* m_views;
  WindowDocks m_docks;
  WindowActions m_actions;
  MessageBar* m_messages;
  ProgressStrip* m_progress;
  ExportMenu* m_exports;
  SessionKeeper* m_session;
  Preferences m_preferences;
  Theme m_theme = Theme::System;
  bool m_keepsSettings = true;
  bool m_quits = false;  ///< whatever is at work
  QPointer<QDialog> m_quitQuestion;
};

}  // namespace qs
