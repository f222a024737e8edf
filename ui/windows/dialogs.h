#pragma once

#include <QString>
#include <functional>
#include <vector>

#include "core/base/parallel.h"
#include "core/io/checkpoint.h"
#include "ui/charts/plot_table.h"

class QAction;
class QDialog;
class QWidget;

namespace qs {

/// What the person chose under Preferences.
struct Preferences {
  static constexpr int kMostThreads = 256;

  int threads = 0;  ///< 0…kMostThreads; 0 = by the machine
  WorkerPriority priority = WorkerPriority::Low;
  bool operator==(const Preferences&) const = default;
};

/// The dialogs that show a text or a table. None of them blocks the window; each deletes itself when closed.
[[nodiscard]] QDialog* makeShortcutsDialog(const std::vector<const QAction*>& actions, QWidget* parent);
[[nodiscard]] QDialog* makeModelDialog(const Checkpoint& model, QWidget* parent);
[[nodiscard]] QDialog* makeAboutDialog(QWidget* parent);
[[nodiscard]] QDialog* makeTableDialog(const PlotTable& table, QWidget* parent);

/// Whether to quit while a job is at work; keeping it is the default.
[[nodiscard]] QDialog* makeQuitQuestion(std::function<void()> quit, QWidget* parent);

/// The preferences, changed at once as the person changes them.
[[nodiscard]] QDialog* makePreferencesDialog(const Preferences& now, std::function<void(const Preferences&)> changed,
                                             QWidget* parent);

}  // namespace qs
