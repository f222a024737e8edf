#include "ui/windows/compare_links.h"

#include <QAction>
#include <QDockWidget>
#include <QTabBar>
#include <algorithm>

#include "core/quant/method_registry.h"
#include "core/session/demo_model.h"
#include "core/session/runnable_model.h"
#include "ui/panels/calibration_form.h"
#include "ui/panels/comparison_panel.h"
#include "ui/panels/method_form.h"
#include "ui/panels/progress_strip.h"
#include "ui/support/number_format.h"
#include "ui/windows/compare_dialog.h"
#include "ui/windows/main_window.h"
#include "ui/windows/view_area.h"

namespace qs {
namespace {

BuiltInTexts builtInTexts(const MainWindow& window) {
  const auto folder = demoModelFolder(window.folders().executable);
  return {builtInTextPath(folder, BuiltInText::Calibration), builtInTextPath(folder, BuiltInText::Evaluation),
          builtInTextPath(folder, BuiltInText::Training)};
}

void start(Workbench& bench, const ComparisonPlan& plan) {
  if (bench.model.model() && !bench.isRunning()) bench.compare.start(bench.model.model(), plan);
}

void askForComparison(MainWindow& window) {
  Workbench& bench = window.workbench();
  if (!bench.model.model() || bench.isRunning()) return;
  auto* dialog = new CompareDialog(bench.request.request(), builtInTexts(window), &window);
  QObject::connect(dialog, &CompareDialog::comparisonRequested, &bench,
                   [&bench](const ComparisonPlan& plan) { start(bench, plan); });
  dialog->open();
}

/// Calibration by the activations file that the person chose, else by running the model over their text or the built-in
/// one.
ComparisonPlan planFor(MainWindow& window, std::vector<ComparedMethod> methods) {
  const BuiltInTexts texts = builtInTexts(window);
  ComparisonPlan plan{.request = {}, .evaluationTextFile = texts.evaluation};
  plan.request.methods = std::move(methods);
  plan.request.base = window.workbench().request.request();
  CalibrationSource& calibration = plan.request.base.calibration;
  calibration.runModel = calibration.activationsFile.empty();
  if (calibration.runModel && calibration.textFile.empty()) calibration.textFile = texts.calibration;
  plan.request.base.trainingText = texts.training;
  return plan;
}

/// The usual methods; the one that the form shows has the form's settings.
std::vector<ComparedMethod> usualMethods(const QuantRequest& form) {
  std::vector<ComparedMethod> methods = defaultComparison();
  for (ComparedMethod& compared : methods)
    if (compared.method == form.method) compared.settings = form.settings;
  return methods;
}

/// A method twice: with the settings as they are in its published form, and with its introductory form switched on.
std::vector<ComparedMethod> bothForms(const QuantRequest& request) {
  ComparedMethod published{.method = request.method, .settings = {}};
  ComparedMethod introductory = published;
  for (const ParamSpec& spec : requireMethod(request.method).parameters) {
    if (!spec.introductory && request.settings.contains(spec.key)) {
      published.settings.set(spec.key, request.settings.value(spec.key));
      introductory.settings.set(spec.key, request.settings.value(spec.key));
    }
    if (spec.introductory && spec.kind == ParamKind::Switch) {
      introductory.settings.set(spec.key, !std::get<bool>(spec.defaultValue));
    }
  }
  return {{.method = kUnquantized, .settings = {}}, published, introductory};
}

QString fileName(const std::filesystem::path& path) { return QString::fromStdString(path.filename().string()); }

/// What calibrates and what measures, so that nobody has to guess.
QString textsNote(const ComparisonPlan& plan) {
  const CalibrationSource& source = plan.request.base.calibration;
  const auto& calibration = source.activationsFile.empty() ? source.textFile : source.activationsFile;
  if (calibration == plan.evaluationTextFile)
    return MainWindow::tr("⚠ %1 calibrates and evaluates: the figures will look better than they are.")
        .arg(fileName(calibration));
  return MainWindow::tr("Calibrated on %1, evaluated on %2: calibration text is not evaluation text.")
      .arg(fileName(calibration), fileName(plan.evaluationTextFile));
}

QString extentNote(const EvaluatedText& text) {
  if (text.windows == 0) return MainWindow::tr("The model could not be run: see the status.");
  return MainWindow::tr("%1 tokens in %2 windows of %3.")
      .arg(number::count(text.tokens), number::count(text.windows), number::count(text.window));
}

QString resultNote(const ComparisonPlan& plan, const ComparisonResult& result) {
  const QString texts =
      result.whyNotCalibrated.empty()
          ? textsNote(plan)
          : MainWindow::tr("Nothing was calibrated: %1.").arg(QString::fromStdString(result.whyNotCalibrated));
  return texts + QLatin1Char(' ') + extentNote(result.text);
}

/// Columns that only a comparison measures. They stand instead of the weight error, unless a row has nothing else.
void showMeasuredColumns(MainWindow& window) {
  for (const int column : {ComparisonModel::PerplexityColumn, ComparisonModel::KlColumn, ComparisonModel::TopOneColumn,
                           ComparisonModel::ChangeColumn, ComparisonModel::SpeedupColumn}) {
    window.docks().comparison->setColumnShown(column, true);
  }
}

/// All rows are seen, as far as that leaves half of the window's height to the views.
void makeRoom(MainWindow& window) {
  WindowDocks& docks = window.docks();
  docks.comparisonDock->show();
  docks.comparisonDock->raise();
  int frame = docks.comparisonDock->height() - docks.comparison->height();
  for (const QTabBar* tabs : window.findChildren<QTabBar*>(Qt::FindDirectChildrenOnly))
    if (tabs->isVisible()) frame += tabs->height();
  const int wanted = std::min(docks.comparison->fullHeight() + frame, window.height() * 45 / 100);
  if (docks.comparisonDock->height() < wanted) window.resizeDocks({docks.comparisonDock}, {wanted}, Qt::Vertical);
}

}  // namespace

void linkComparison(MainWindow& window) {
  Workbench& bench = window.workbench();
  window.docks().method->calibration()->setBuiltInText(builtInTexts(window).calibration);
  bench.setBuiltInTexts(builtInTexts(window).calibration, builtInTexts(window).training);
  ComparisonPanel* table = window.docks().comparison;
  const auto compare = [&window, &bench] { start(bench, planFor(window, usualMethods(bench.request.request()))); };
  const auto ask = [&window] { askForComparison(window); };
  QObject::connect(window.docks().method, &MethodForm::formsComparisonRequested, &bench,
                   [&window, &bench] { start(bench, planFor(window, bothForms(bench.request.request()))); });
  QObject::connect(window.actions().compareMethods, &QAction::triggered, &bench, compare);
  QObject::connect(window.actions().chooseMethods, &QAction::triggered, &bench, ask);
  QObject::connect(table, &ComparisonPanel::compareRequested, &bench, compare);
  QObject::connect(table, &ComparisonPanel::choiceRequested, &bench, ask);
  const auto tellTexts = [&window, table] { table->setNote(textsNote(planFor(window, {}))); };
  QObject::connect(&bench.model, &ModelController::modelChanged, table, tellTexts);
  QObject::connect(&bench.request, &RequestController::requestChanged, table, [&bench, tellTexts] {
    if (!bench.isRunning()) tellTexts();
  });
  QObject::connect(&bench.compare, &CompareController::started, &window, [&window, table](const ComparisonPlan& plan) {
    showMeasuredColumns(window);
    table->setNote(textsNote(plan));
    window.views().setView(ViewArea::View::Tradeoff);
  });
  QObject::connect(&bench.comparison, &QAbstractItemModel::rowsInserted, &window, [&window, &bench] {
    if (bench.compare.isBusy()) makeRoom(window);
  });
  QObject::connect(&bench.compare, &CompareController::finished, table,
                   [table](const ComparisonPlan& plan, const ComparisonResult& result) {
                     table->setNote(resultNote(plan, result));
                   });
  QObject::connect(&bench.compare, &CompareController::cancelled, &bench, [&bench] {
    Q_EMIT bench.message({UserMessage::Severity::Information,
                          MainWindow::tr("The comparison was cancelled"),
                          {},
                          MainWindow::tr("Finished rows stay; running it again takes finished layers from the store."),
                          UserMessage::About::Comparison});
  });
  QObject::connect(&bench.compare, &CompareController::busyChanged, &window.progress(), &ProgressStrip::setBusy);
  QObject::connect(&bench.compare, &CompareController::progressPolled, &window.progress(), &ProgressStrip::setProgress);
}

}  // namespace qs
