#include "ui/windows/window_links.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/session/linear_weights.h"
#include "ui/panels/comparison_panel.h"
#include "ui/panels/inspector_panel.h"
#include "ui/panels/layer_filter_form.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/method_form.h"
#include "ui/panels/model_panel.h"
#include "ui/panels/progress_strip.h"
#include "ui/panels/start_page.h"
#include "ui/support/item_roles.h"
#include "ui/support/number_format.h"
#include "ui/windows/audit_links.h"
#include "ui/windows/compare_links.h"
#include "ui/windows/main_window.h"
#include "ui/windows/pin_links.h"
#include "ui/windows/prompt_links.h"
#include "ui/windows/run_description.h"
#include "ui/windows/session_links.h"
#include "ui/windows/view_area.h"

namespace qs {
namespace {

QString idleText(const Workbench& bench) {
  const auto& model = bench.model.model();
  if (!model) return MainWindow::tr("No model open");
  return MainWindow::tr("%1: %2, %3")
      .arg(QString::fromStdString(model->displayName()),
           number::counted(model->tensors().size(), MainWindow::tr("1 tensor"), MainWindow::tr("%1 tensors")),
           number::size(modelBytes(*model)));
}

void updateTitle(MainWindow& window) {
  Workbench& bench = window.workbench();
  const auto& model = bench.model.model();
  const QuantRequest& request = bench.request.request();
  window.setWindowTitle(model ? MainWindow::tr("%1 – %2 %3 – QuantScope")
                                    .arg(QString::fromStdString(model->displayName()), styleOf(request.method).name,
                                         settingsText(request))
                              : QStringLiteral("QuantScope"));
}

void updateActions(MainWindow& window) {
  Workbench& bench = window.workbench();
  WindowActions& actions = window.actions();
  const bool hasModel = bench.model.model() != nullptr;
  const bool running = bench.isRunning();
  for (QAction* action : {actions.reload, actions.close, actions.modelInformation, actions.copyCommand,
                          actions.exportPlot, actions.exportAllPlots, actions.exportData, actions.exportTableCsv,
                          actions.exportTableMarkdown, actions.exportTablePicture, actions.worse, actions.better}) {
    action->setEnabled(hasModel);
  }
  actions.start->setEnabled(hasModel && !running && !lacksCalibration(bench.request.request()));
  actions.cancel->setEnabled(running || bench.exports.isBusy());  // else Esc belongs to the plot
  actions.compareMethods->setEnabled(hasModel && !running);
  actions.chooseMethods->setEnabled(hasModel && !running);
  actions.exportModel->setEnabled(bench.shownRun() != nullptr);
  actions.pin->setEnabled(bench.shownRun() != nullptr);
  window.docks().method->setHasModel(hasModel);
  window.docks().method->setRunning(running);
  window.docks().comparison->setCanCompare(hasModel && !running);
}

/// Says in the form and in the tree which layers a run would quantize.
void showChosenLayers(MainWindow& window) {
  Workbench& bench = window.workbench();
  const qsizetype all = bench.layerNames().size();
  const QuantRequest& request = bench.request.request();
  QStringList chosen;
  QString note;
  try {
    chosen = bench.chosenLayers(request);
    if (!(request.layers == LayerFilter()) && all > 0) {
      note = MainWindow::tr("%1 of %2 layers")
                 .arg(number::count(static_cast<std::uint64_t>(chosen.size())),
                      number::count(static_cast<std::uint64_t>(all)));
    }
  } catch (const Error& error) {
    note = QString::fromUtf8(error.what());
  }
  window.docks().method->layers()->setNote(note);
  bench.tree.setChosenLayers(chosen);
}

/// Not while a run is at work: it measures the machine.
void foreseeTraining(Workbench& bench) {
  if (!bench.isRunning()) bench.foresight.foresee(bench.model.model(), bench.runRequest());
}

void selectLayer(Workbench& bench, const QString& layer) {
  const QModelIndex index = bench.tree.indexOfLayer(layer);
  if (index.isValid()) bench.selectTensor(index.data(NameRole).toString(), layer);
}

/// Selects the first linear of a model of small layers. Opening reads headers only: a large layer waits until it is
/// asked for.
void selectFirstLayer(Workbench& bench) {
  constexpr std::uint64_t kMostWeights = 4'000'000;
  const QStringList names = bench.layerNames();
  if (names.isEmpty()) return;
  const QString tensor = bench.tree.indexOfLayer(names.front()).data(NameRole).toString();
  const CheckpointTensor* stored = bench.model.model()->find(tensor.toStdString());
  if (stored != nullptr && elementCount(stored->info.shape).value_or(kMostWeights + 1) <= kMostWeights)
    selectLayer(bench, names.front());
}

/// Selects the layer that stands `by` places after the selected one, the worst first; without a run, in file order.
void stepLayer(Workbench& bench, const ViewArea& views, int by) {
  QStringList layers = views.worstLayers();
  if (layers.isEmpty()) layers = bench.layerNames();
  if (layers.isEmpty()) return;
  const qsizetype now = layers.indexOf(bench.preview.layer());
  selectLayer(bench, layers[std::clamp<qsizetype>(now + by, 0, layers.size() - 1)]);
}

void linkModel(MainWindow& window) {
  Workbench& bench = window.workbench();
  ViewArea& views = window.views();
  ModelPanel* panel = window.docks().model;
  panel->setModel(&bench.filter, [&bench](const QString& text) { bench.filter.setFilterText(text); });
  QObject::connect(panel, &ModelPanel::tensorSelected, &bench, &Workbench::selectTensor);
  QObject::connect(&bench.model, &ModelController::busyChanged, views.startPage(), &StartPage::setBusy);
  QObject::connect(&bench.model, &ModelController::modelChanged, &window,
                   [&window, &bench, &views, panel](const CheckpointPtr& model) {
                     panel->showAll();
                     window.docks().inspector->clear();
                     views.setLayers(bench.layerNames());
                     model ? views.showViews() : views.showStart();
                     window.progress().setIdleText(idleText(bench));
                     showChosenLayers(window);
                     foreseeTraining(bench);
                     updateTitle(window);
                     updateActions(window);
                     if (model) selectFirstLayer(bench);
                   });
  QObject::connect(views.startPage(), &StartPage::openRequested, &window, &MainWindow::askForFile);
  QObject::connect(views.startPage(), &StartPage::demoRequested, &window,
                   [&window] { window.open(ModelController::kDemo); });
  QObject::connect(views.startPage(), &StartPage::recentRequested, &window, &MainWindow::open);
  views.startPage()->setRecentModel(&bench.recent);
}

void linkSelection(MainWindow& window) {
  Workbench& bench = window.workbench();
  ViewArea& views = window.views();
  QObject::connect(&bench, &Workbench::tensorChanged, &window,
                   [&window, &bench, &views](const QString& tensor, const QString& layer) {
                     const CheckpointTensor* stored = bench.model.model()->find(tensor.toStdString());
                     if (stored != nullptr)
                       window.docks().inspector->setTensor(stored->info, QString::fromStdString(stored->file),
                                                           isStoredTransposed(*bench.model.model(), stored->info));
                     if (layer.isEmpty()) views.setNoMatrix();
                     window.docks().model->selectLayer(layer);
                     views.selectLayer(layer);
                   });
  QObject::connect(&views, &ViewArea::layerSelected, &bench,
                   [&bench](const QString& layer) { selectLayer(bench, layer); });
  QObject::connect(&views, &ViewArea::nextLayerRequested, &bench, [&bench, &views] { stepLayer(bench, views, 1); });
  QObject::connect(window.docks().inspector, &InspectorPanel::channelSelected, &views, &ViewArea::highlightChannel);
  QObject::connect(window.actions().worse, &QAction::triggered, &bench,
                   [&bench, &views] { stepLayer(bench, views, 1); });
  QObject::connect(window.actions().better, &QAction::triggered, &bench,
                   [&bench, &views] { stepLayer(bench, views, -1); });
}

void linkPreview(MainWindow& window) {
  Workbench& bench = window.workbench();
  ViewArea& views = window.views();
  InspectorPanel* inspector = window.docks().inspector;
  MethodForm* form = window.docks().method;
  QObject::connect(form, &MethodForm::requestEdited, &bench.request, &RequestController::edit);
  QObject::connect(&bench.request, &RequestController::requestChanged, form,
                   [&window, form](const QuantRequest& request) {
                     if (!(form->request() == request)) form->setRequest(request);
                     window.messages().dismiss();
                     showChosenLayers(window);
                     foreseeTraining(window.workbench());
                     updateTitle(window);
                     updateActions(window);
                   });
  QObject::connect(&bench.model, &ModelController::canRunFound, form, &MethodForm::setCanRunModel);
  QObject::connect(&bench.foresight, &TrainingController::foreseen, form, &MethodForm::setRunNote);
  QObject::connect(&bench.preview, &PreviewController::weightsReady, &views,
                   [&views, inspector](const LayerWeightsPtr& weights) {
                     views.setWeights(weights);
                     inspector->setReport({weights, &weights->unquantized});
                   });
  QObject::connect(&bench.preview, &PreviewController::previewReady, &views,
                   [&bench, &views, inspector](const LayerPreviewPtr& preview) {
                     const MethodStyle style = styleOf(preview->report.method);
                     views.setPreview(preview, style);
                     inspector->setReport({preview, &preview->report});
                     if (!preview->report.error.empty()) {
                       Q_EMIT bench.message({UserMessage::Severity::Error,
                                             MainWindow::tr("%1 can't quantize this layer").arg(style.name),
                                             QString::fromStdString(preview->report.error),
                                             MainWindow::tr("Choose other settings, or another method."),
                                             UserMessage::About::Preview});
                     }
                   });
  QObject::connect(&bench.preview, &PreviewController::busyChanged, &views, &ViewArea::setPreviewBusy);
  QObject::connect(&bench.preview, &PreviewController::previewFailed, &views,
                   [&bench, &views](const UserMessage& text) {
                     if (!bench.preview.weights()) views.setPreviewFailed(text.why);
                   });
  QObject::connect(&bench.preview, &PreviewController::curveGrown, &views,
                   [&bench, &views](const QString& layer, const MethodCurve& curve) {
                     views.setLiveCurves(layer, {curve}, styleOf(bench.request.request().method));
                   });
}

/// Settings give way to what a comparison measures, unless they tell rows apart.
bool areSettingsShown(const std::vector<ComparisonEntry>& rows) {
  std::set<QString> methods;
  const auto isRepeated = [&](const ComparisonEntry& row) { return !methods.insert(row.method).second; };
  const auto isMeasured = [](const ComparisonEntry& row) { return row.perplexity.has_value(); };
  return std::ranges::none_of(rows, isMeasured) || std::ranges::any_of(rows, isRepeated);
}

/// The weight error gives way to what a comparison measures, unless a row has nothing else to be compared by.
bool isWeightErrorShown(const std::vector<ComparisonEntry>& rows) {
  const auto isMeasured = [](const ComparisonEntry& row) { return row.perplexity.has_value(); };
  const auto hasNothingElse = [](const ComparisonEntry& row) {
    const bool isAtWork =
        row.status == ComparisonEntry::Status::Waiting || row.status == ComparisonEntry::Status::Running;
    return row.weightError && !row.perplexity && !isAtWork;
  };
  return std::ranges::none_of(rows, isMeasured) || std::ranges::any_of(rows, hasNothingElse);
}

/// The layers of a run; a filter that names none lets the run fail, which says why.
QStringList runLayers(const Workbench& bench, const QuantRequest& request) {
  try {
    return bench.chosenLayers(request);
  } catch (const Error&) {
    return {};
  }
}

void linkRuns(MainWindow& window) {
  Workbench& bench = window.workbench();
  ViewArea& views = window.views();
  ComparisonPanel* table = window.docks().comparison;
  ProgressStrip& progress = window.progress();
  table->setModel(&bench.comparison);
  QObject::connect(window.docks().method, &MethodForm::runRequested, &bench, &Workbench::startRun);
  QObject::connect(window.actions().start, &QAction::triggered, &bench, &Workbench::startRun);
  QObject::connect(&views, &ViewArea::runRequested, &bench, &Workbench::startRun);
  QObject::connect(&bench.run, &RunController::started, &views,
                   [&bench, &views, table](int id, const QuantRequest& request) {
                     table->selectId(id);
                     views.setRunLayers(runLayers(bench, request));
                     views.setReports({}, runStyle(request));
                   });
  QObject::connect(&bench.run, &RunController::layersReady, &views,
                   [&views](int, const std::vector<LayerReportPtr>& layers) { views.addReports(layers); });
  QObject::connect(&bench.run, &RunController::curvesGrown, &views,
                   [&bench, &views](const QString& title, const std::vector<MethodCurve>& curves) {
                     views.setLiveCurves(title, curves, styleOf(bench.request.request().method));
                   });
  QObject::connect(&bench, &Workbench::runShown, &views, [&window, &views, table](const FinishedRunPtr& run) {
    views.setRunLayers(runLayers(window.workbench(), run->request));
    views.setReports(run->report->layers, runStyle(run->request));
    table->selectId(run->id);
    updateActions(window);
  });
  QObject::connect(table, &ComparisonPanel::rowChosen, &bench, &Workbench::showRun);
  QObject::connect(&views, &ViewArea::runSelected, &bench, [&bench](const QString& id) { bench.showRun(id.toInt()); });
  QObject::connect(table, &ComparisonPanel::removeRequested, &bench, &Workbench::removeRun);
  table->setCanRetry([&bench](int id) { return bench.canRetry(id); });
  QObject::connect(table, &ComparisonPanel::retryRequested, &bench, &Workbench::retryRun);
  QObject::connect(table, &ComparisonPanel::pinRequested, &bench, &Workbench::pinRun);
  QObject::connect(window.actions().pin, &QAction::triggered, &bench, [&bench] { bench.pinRun(bench.shownId()); });
  const auto showRows = [&bench, &views, table] {
    const auto& rows = bench.comparison.rows();
    table->setColumnShown(ComparisonModel::OutputErrorColumn, std::ranges::any_of(rows, [](const ComparisonEntry& row) {
                            return row.outputError.has_value();
                          }));
    table->setColumnShown(ComparisonModel::SettingsColumn, areSettingsShown(rows));
    table->setColumnShown(ComparisonModel::WeightErrorColumn, isWeightErrorShown(rows));
    QString title;
    auto points = tradeoffPoints(bench.comparison.rows(), &title);
    for (TradeoffPoint& point : points) point.pinned = point.id == QString::number(bench.pinnedId());
    const bool isShown = points.size() > 1 || bench.compare.isBusy();
    views.setTradeoff(isShown ? points : std::vector<TradeoffPoint>(), title);
  };
  QObject::connect(&bench, &Workbench::rowsChanged, &views, showRows);
  QObject::connect(&bench, &Workbench::pinChanged, &views, showRows);
  const auto showBusy = [&bench, &progress] { progress.setBusy(bench.isRunning() || bench.exports.isBusy()); };
  QObject::connect(&bench.run, &RunController::busyChanged, &progress, showBusy);
  QObject::connect(&bench.run, &RunController::progressPolled, &progress, &ProgressStrip::setProgress);
  QObject::connect(&bench.exports, &ExportController::busyChanged, &progress, showBusy);
  QObject::connect(&bench.exports, &ExportController::busyChanged, &window, [&window] { updateActions(window); });
  QObject::connect(&bench.exports, &ExportController::progressPolled, &progress, &ProgressStrip::setProgress);
  QObject::connect(&bench.run, &RunController::busyChanged, &window, [&window] { updateActions(window); });
  QObject::connect(&bench.compare, &CompareController::busyChanged, &window, [&window] { updateActions(window); });
  const auto cancel = [&bench] {
    bench.run.cancel();
    bench.compare.cancel();
    bench.exports.cancel();
  };
  QObject::connect(&progress, &ProgressStrip::cancelRequested, &bench, cancel);
  QObject::connect(window.actions().cancel, &QAction::triggered, &bench, cancel);
}

}  // namespace

void linkWindow(MainWindow& window) {
  linkModel(window);
  linkSelection(window);
  linkPreview(window);
  linkRuns(window);
  linkPinned(window);
  linkComparison(window);
  linkPrompt(window);
  linkAudit(window);
  linkSession(window);
  QObject::connect(&window.workbench(), &Workbench::message, &window.messages(), &MessageBar::showMessage);
  QObject::connect(&window.workbench(), &Workbench::messagesOutdated, &window.messages(), &MessageBar::dismissAbout);
  window.progress().setIdleText(idleText(window.workbench()));
  for (const int column : {ComparisonModel::PerplexityColumn, ComparisonModel::ChangeColumn, ComparisonModel::KlColumn,
                           ComparisonModel::TopOneColumn, ComparisonModel::SpeedupColumn}) {
    window.docks().comparison->setColumnShown(column, false);  // until a comparison measures them
  }
  updateTitle(window);
  updateActions(window);
}

}  // namespace qs
