#include "ui/windows/main_window.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDialog>
#include <QDockWidget>
#include <QFileDialog>
#include <QFileInfo>
#include <QMimeData>
#include <QSettings>
#include <QStatusBar>
#include <QVBoxLayout>
#include <algorithm>
#include <vector>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/session/recipe.h"
#include "ui/charts/distribution_view.h"
#include "ui/charts/histogram_grid_view.h"
#include "ui/controllers/error_message.h"
#include "ui/panels/comparison_panel.h"
#include "ui/panels/inspector_panel.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/method_form.h"
#include "ui/panels/model_panel.h"
#include "ui/panels/progress_strip.h"
#include "ui/support/file_dialogs.h"
#include "ui/windows/appearance.h"
#include "ui/windows/export_menu.h"
#include "ui/windows/session_keeper.h"
#include "ui/windows/view_area.h"
#include "ui/windows/window_links.h"

namespace qs {
namespace {

constexpr int kStateVersion = 1;
constexpr QSize kFirstSize{1280, 800};
constexpr QSize kLeastSize{960, 600};

/// A stored whole number of 0…`most`; `otherwise` where there is none or another.
int storedNumber(const QSettings& settings, const QString& key, int most, int otherwise) {
  bool isNumber = false;
  const int value = settings.value(key).toInt(&isNumber);
  return isNumber && value >= 0 && value <= most ? value : otherwise;
}

template <typename Choice>
Choice storedChoice(const QSettings& settings, const QString& key, Choice last, Choice otherwise) {
  return static_cast<Choice>(storedNumber(settings, key, static_cast<int>(last), static_cast<int>(otherwise)));
}

std::filesystem::path sessionFile(const ProgramFolders& folders) {
  return folders.config.empty() ? std::filesystem::path() : folders.config / "session.json";
}

QWidget* column(QWidget* top, QWidget* body, QWidget* parent) {
  auto* made = new QWidget(parent);
  auto* layout = new QVBoxLayout(made);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(top);
  layout->addWidget(body, 1);
  return made;
}

}  // namespace

MainWindow::MainWindow(const ProgramFolders& folders, QWidget* parent)
    : QMainWindow(parent),
      m_folders(folders),
      m_workbench(std::make_unique<Workbench>(folders)),
      m_views(new ViewArea(this)),
      m_docks(this),
      m_actions(this, m_workbench->request.undoStack()),
      m_messages(new MessageBar(this)),
      m_progress(new ProgressStrip(this)),
      m_exports(new ExportMenu(*this)),
      m_session(new SessionKeeper(sessionFile(folders), this)) {
  setCentralWidget(column(m_messages, m_views, this));
  setAcceptDrops(true);
  setMinimumSize(kLeastSize);
  resize(kFirstSize);
  statusBar()->setSizeGripEnabled(false);
  statusBar()->addPermanentWidget(m_progress, 1);
  joinFileActions();
  joinEditActions();
  joinViewActions();
  joinHelpActions();
  linkWindow(*this);
  m_docks.resetLayout();
  const QSettings settings;
  m_theme = storedChoice(settings, QStringLiteral("theme"), Theme::Dark, Theme::System);
  applyPreferences({storedNumber(settings, QStringLiteral("threads"), Preferences::kMostThreads, 0),
                    storedChoice(settings, QStringLiteral("priority"), WorkerPriority::Idle, Preferences().priority)});
  m_workbench->recent.setPaths(settings.value(QStringLiteral("recent")).toStringList());
  fillRecent();
}

MainWindow::~MainWindow() = default;

void MainWindow::joinFileActions() {
  Workbench& bench = *m_workbench;
  connect(m_actions.open, &QAction::triggered, this, &MainWindow::askForFile);
  connect(m_actions.openFolder, &QAction::triggered, this, &MainWindow::askForFolder);
  connect(m_actions.openDemo, &QAction::triggered, this, [this] { open(ModelController::kDemo); });
  for (const QAction* action : {m_actions.reload, m_actions.close}) {
    connect(action, &QAction::triggered, m_messages, &MessageBar::dismiss);
  }
  connect(m_actions.reload, &QAction::triggered, &bench.model, &ModelController::reload);
  connect(m_actions.close, &QAction::triggered, &bench.model, &ModelController::close);
  connect(m_actions.openRecipe, &QAction::triggered, this, &MainWindow::openRecipe);
  connect(m_actions.saveRecipe, &QAction::triggered, this, &MainWindow::saveRecipe);
  connect(m_actions.quit, &QAction::triggered, this, &QWidget::close);
  connect(m_actions.modelInformation, &QAction::triggered, this, [this] {
    if (const auto& model = m_workbench->model.model()) makeModelDialog(*model, this)->show();
  });
  connect(&bench.recent, &RecentFilesModel::pathsChanged, this, &MainWindow::fillRecent);
}

void MainWindow::joinEditActions() {
  connect(m_actions.copy, &QAction::triggered, this, &MainWindow::copyCurrent);
  connect(m_actions.copyCommand, &QAction::triggered, m_exports, &ExportMenu::copyCommandLine);
  connect(m_actions.find, &QAction::triggered, this, [this] {
    m_docks.modelDock->show();
    m_docks.model->focusFilter();
  });
  connect(m_actions.resetSettings, &QAction::triggered, this, [this] {
    QuantRequest request = m_workbench->request.request();
    request.settings = {};
    m_workbench->request.replace(request, tr("Restore defaults"));
  });
  connect(m_actions.preferences, &QAction::triggered, this, [this] {
    makePreferencesDialog(
        m_preferences, [this](const Preferences& now) { applyPreferences(now); }, this)
        ->show();
  });
}

template <typename View>
void MainWindow::joinLogCounts(View* view) {
  view->addAction(m_actions.logCounts);
  connect(m_actions.logCounts, &QAction::toggled, view, &View::setLogarithmic);
  connect(view, &View::logarithmicChanged, m_actions.logCounts, &QAction::setChecked);
}

void MainWindow::joinViewActions() {
  for (std::size_t i = 0; i < m_actions.views.size(); ++i) {
    connect(m_actions.views[i], &QAction::triggered, this, [this, view = ViewArea::allViews()[i]] {
      m_views->setView(view);
      if (PlotView* plot = m_views->currentPlot()) plot->setFocus();
    });
  }
  const auto onPlot = [this](QAction* action, void (PlotView::*slot)()) {
    connect(action, &QAction::triggered, this, [this, slot] {
      if (PlotView* plot = m_views->currentPlot()) (plot->*slot)();
    });
  };
  onPlot(m_actions.zoomIn, &PlotView::zoomIn);
  onPlot(m_actions.zoomOut, &PlotView::zoomOut);
  onPlot(m_actions.zoomReset, &PlotView::resetZoom);
  connect(m_actions.showTable, &QAction::triggered, this, [this] {
    const PlotView* plot = m_views->currentPlot();
    if (plot != nullptr && plot->hasData()) makeTableDialog(plot->tableData(), this)->show();
  });
  connect(m_actions.nextPane, &QAction::triggered, this, [this] { focusPane(1); });
  connect(m_actions.previousPane, &QAction::triggered, this, [this] { focusPane(-1); });
  joinLogCounts(qobject_cast<DistributionView*>(m_views->plot(ViewArea::View::Distribution)));
  joinLogCounts(qobject_cast<HistogramGridView*>(m_views->plot(ViewArea::View::Grid)));
  for (const QDockWidget* dock :
       {m_docks.modelDock, m_docks.methodDock, m_docks.inspectorDock, m_docks.comparisonDock, m_docks.promptDock}) {
    m_actions.panels->addAction(dock->toggleViewAction());
  }
  connect(m_actions.themeSystem, &QAction::triggered, this, [this] { setTheme(Theme::System); });
  connect(m_actions.themeLight, &QAction::triggered, this, [this] { setTheme(Theme::Light); });
  connect(m_actions.themeDark, &QAction::triggered, this, [this] { setTheme(Theme::Dark); });
  connect(m_actions.resetLayout, &QAction::triggered, this, [this] { m_docks.resetLayout(); });
  connect(m_actions.fullScreen, &QAction::toggled, this, [this](bool on) {
    setWindowState(on ? windowState() | Qt::WindowFullScreen : windowState() & ~Qt::WindowFullScreen);
  });
}

void MainWindow::joinHelpActions() {
  connect(m_actions.shortcuts, &QAction::triggered, this,
          [this] { makeShortcutsDialog(m_actions.withShortcuts(), this)->show(); });
  connect(m_actions.about, &QAction::triggered, this, [this] { makeAboutDialog(this)->show(); });
}

void MainWindow::open(const QString& path) {
  m_messages->dismiss();
  m_workbench->model.open(path);
}

void MainWindow::askForFile() {
  auto* dialog = new QFileDialog(this, tr("Open model"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::ExistingFile);
  QStringList patterns;
  for (const ReaderInfo& reader : allReaders())
    for (const std::string& suffix : reader.suffixes) patterns << QStringLiteral("*") + QString::fromStdString(suffix);
  dialog->setNameFilters({tr("Models (%1)").arg(patterns.join(' ')), tr("All files (*)")});
  startInLastFolder(*dialog);
  connect(dialog, &QFileDialog::fileSelected, this, &MainWindow::open);
  dialog->open();
}

void MainWindow::askForFolder() {
  auto* dialog = new QFileDialog(this, tr("Open model folder"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::Directory);
  dialog->setOption(QFileDialog::ShowDirsOnly);
  startInLastFolder(*dialog);
  connect(dialog, &QFileDialog::fileSelected, this, &MainWindow::open);
  dialog->open();
}

void MainWindow::setTheme(Theme theme) {
  m_theme = theme;
  applyAppearance(theme);
  QAction* const actions[] = {m_actions.themeSystem, m_actions.themeLight, m_actions.themeDark};
  actions[static_cast<std::size_t>(theme)]->setChecked(true);
}

void MainWindow::fillRecent() {
  m_actions.recent->clear();
  for (const QString& path : m_workbench->recent.paths()) {
    QAction* action = m_actions.recent->addAction(path, this, [this, path] { open(path); });
    action->setEnabled(QFileInfo::exists(path));
  }
  m_actions.recent->addSeparator();
  m_actions.recent->addAction(tr("Remove missing files"), &m_workbench->recent, &RecentFilesModel::removeMissing);
  m_actions.recent->setEnabled(!m_workbench->recent.paths().isEmpty());
}

void MainWindow::openRecipe() {
  auto* dialog = new QFileDialog(this, tr("Open recipe"), {}, tr("Recipes (*.json)"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  startInLastFolder(*dialog);
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
    try {
      QuantRequest request = m_workbench->request.request();
      applyRecipe(readRecipe(path.toStdString()), request);
      m_workbench->request.replace(request, tr("Open recipe"));
    } catch (const Error& error) {
      m_messages->showMessage(errorMessage(tr("The recipe was not opened"), toJobError(error)));
    }
  });
  dialog->open();
}

void MainWindow::saveRecipe() {
  auto* dialog = new QFileDialog(this, tr("Save recipe"), {}, tr("Recipes (*.json)"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(QStringLiteral("json"));
  startInLastFolder(*dialog, fileNameOf({QString::fromStdString(m_workbench->request.request().method),
                                         QStringLiteral("recipe.json")}));
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
    try {
      const QuantRequest& request = m_workbench->request.request();
      writeRecipe(recipeOf(request), path.toStdString());
      if (request.layers == LayerFilter()) return;
      m_messages->showMessage({UserMessage::Severity::Information,
                               tr("The recipe was saved without the layer patterns"),
                               tr("A recipe fits any model and holds method, settings and overrides."),
                               tr("“Copy as command line” keeps the patterns too.")});
    } catch (const Error& error) {
      m_messages->showMessage(errorMessage(tr("The recipe was not saved"), toJobError(error)));
    }
  });
  dialog->open();
}

void MainWindow::copyCurrent() {
  const QWidget* focus = QApplication::focusWidget();
  const bool onTable = focus != nullptr && m_docks.comparison->isAncestorOf(focus);
  onTable ? m_exports->copyTable() : m_exports->copyPlot();
}

void MainWindow::focusPane(int by) {
  std::vector<QWidget*> panes;
  for (QWidget* pane :
       std::initializer_list<QWidget*>{m_docks.model, m_views, m_docks.method, m_docks.inspector, m_docks.comparison}) {
    if (pane->isVisible()) panes.push_back(pane);
  }
  const QWidget* focus = QApplication::focusWidget();
  const auto holds = [focus](const QWidget* pane) { return focus != nullptr && pane->isAncestorOf(focus); };
  const auto count = static_cast<int>(panes.size());
  const auto found = static_cast<int>(std::find_if(panes.begin(), panes.end(), holds) - panes.begin());
  const int from = found < count ? found : by > 0 ? -1 : 0;
  for (int step = 1; step <= count; ++step) {
    QWidget* pane = panes[static_cast<std::size_t>(((from + by * step) % count + count) % count)];
    if (focusInto(*pane)) return;
  }
}

bool MainWindow::focusInto(QWidget& pane) {
  PlotView* plot = &pane == m_views ? m_views->currentPlot() : nullptr;
  for (QWidget* widget : plot != nullptr ? QList<QWidget*>{plot} : pane.findChildren<QWidget*>()) {
    const bool takesFocus = (widget->focusPolicy() & Qt::TabFocus) != 0 && widget->focusProxy() == nullptr;
    if (!takesFocus || !widget->isVisible() || !widget->isEnabled()) continue;
    widget->setFocus(Qt::ShortcutFocusReason);
    return true;
  }
  return false;
}

void MainWindow::applyPreferences(const Preferences& preferences) {
  m_preferences = preferences;
  const auto apply = [&](auto& controller) {
    controller.setThreads(preferences.threads);
    controller.setPriority(preferences.priority);
  };
  apply(m_workbench->run);
  apply(m_workbench->compare);
  apply(m_workbench->prompt);
  apply(m_workbench->audit);
  apply(m_workbench->exports);
}

void MainWindow::restoreWindowState() {
  const QSettings settings;
  restoreGeometry(settings.value(QStringLiteral("geometry")).toByteArray());
  restoreState(settings.value(QStringLiteral("docks")).toByteArray(), kStateVersion);
  setTheme(m_theme);
  m_session->read();
}

void MainWindow::setKeepsSettings(bool keeps) {
  m_keepsSettings = keeps;
  m_session->setKeeps(keeps);
}

bool MainWindow::asksBeforeClosing() {
  const bool isAtWork = m_workbench->isRunning() || m_workbench->exports.isBusy();
  if (!isAtWork || m_quits || !m_keepsSettings) return false;
  if (m_quitQuestion) return true;
  const auto quit = [this] {
    m_quits = true;
    close();
  };
  m_quitQuestion = makeQuitQuestion(quit, this);
  m_quitQuestion->open();
  return true;
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (asksBeforeClosing()) return event->ignore();
  if (m_keepsSettings) keepSettings();
  m_session->save();
  QMainWindow::closeEvent(event);
}

void MainWindow::keepSettings() const {
  QSettings settings;
  settings.setValue(QStringLiteral("geometry"), saveGeometry());
  settings.setValue(QStringLiteral("docks"), saveState(kStateVersion));
  settings.setValue(QStringLiteral("theme"), static_cast<int>(m_theme));
  settings.setValue(QStringLiteral("threads"), m_preferences.threads);
  settings.setValue(QStringLiteral("priority"), static_cast<int>(m_preferences.priority));
  settings.setValue(QStringLiteral("recent"), m_workbench->recent.paths());
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  const auto urls = event->mimeData()->urls();
  if (!urls.isEmpty() && urls.front().isLocalFile()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  const QString path = event->mimeData()->urls().front().toLocalFile();
  event->acceptProposedAction();
  QMetaObject::invokeMethod(
      this, [this, path] { open(path); }, Qt::QueuedConnection);  // the drop ends first
}

}  // namespace qs
