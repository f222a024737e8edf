#include "ui/windows/compare_links.h"

#include <QAction>

#include "core/quant/method_registry.h"
#include "core/session/demo_model.h"
#include "core/session/runnable_model.h"
#include "ui/panels/calibration_form.h"
#include "ui/panels/comparison_panel.h"
#include "ui/panels/method_form.h"
#include "ui/panels/progress_strip.h"
#include "ui/windows/compare_dialog.h"
#include "ui/windows/main_window.h"
#include "ui/windows/run_description.h"

namespace qs {
namespace {

BuiltInTexts builtInTexts(const MainWindow& window) {
  const auto folder = demoModelFolder(window.folders().executable);
  return {builtInTextPath(folder, BuiltInText::Calibration), builtInTextPath(folder, BuiltInText::Evaluation)};
}

void askForComparison(MainWindow& window) {
  Workbench& bench = window.workbench();
  if (!bench.model.model() || bench.isRunning()) return;
  auto* dialog = new CompareDialog(bench.request.request(), builtInTexts(window), &window);
  QObject::connect(dialog, &CompareDialog::comparisonRequested, &bench, [&bench](const ComparisonPlan& plan) {
    bench.comparison.clear();
    bench.compare.start(bench.model.model(), plan);
  });
  dialog->open();
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

void compareForms(MainWindow& window) {
  Workbench& bench = window.workbench();
  if (!bench.model.model() || bench.isRunning()) return;
  const BuiltInTexts texts = builtInTexts(window);
  ComparisonPlan plan{.request = {}, .evaluationTextFile = texts.evaluation};
  plan.request.methods = bothForms(bench.request.request());
  plan.request.base = bench.request.request();
  plan.request.base.calibration.activationsFile.clear();
  plan.request.base.calibration.runModel = true;
  if (plan.request.base.calibration.textFile.empty()) plan.request.base.calibration.textFile = texts.calibration;
  bench.comparison.clear();
  bench.compare.start(bench.model.model(), plan);
}

/// Columns that only a comparison measures.
void showMeasuredColumns(MainWindow& window) {
  for (const int column : {ComparisonModel::PerplexityColumn, ComparisonModel::KlColumn, ComparisonModel::TopOneColumn,
                           ComparisonModel::SpeedupColumn}) {
    window.docks().comparison->setColumnShown(column, true);
  }
  window.docks().comparison->setColumnShown(ComparisonModel::WeightErrorColumn, false);
}

}  // namespace

void linkComparison(MainWindow& window) {
  Workbench& bench = window.workbench();
  window.docks().method->calibration()->setBuiltInText(builtInTexts(window).calibration);
  QObject::connect(window.docks().method, &MethodForm::formsComparisonRequested, &bench,
                   [&window] { compareForms(window); });
  const auto ask = [&window] { askForComparison(window); };
  QObject::connect(window.actions().compareMethods, &QAction::triggered, &bench, ask);
  QObject::connect(window.docks().comparison, &ComparisonPanel::compareRequested, &bench, ask);
  QObject::connect(&bench.compare, &CompareController::started, &window, [&window] { showMeasuredColumns(window); });
  QObject::connect(&bench.compare, &CompareController::rowChanged, &bench,
                   [&bench](std::size_t index, const ComparisonRow& row) {
                     bench.comparison.setRow(comparedEntry(row, Workbench::kFirstComparedId + static_cast<int>(index)));
                     Q_EMIT bench.rowsChanged();
                   });
  QObject::connect(&bench.compare, &CompareController::failed, &bench, &Workbench::message);
  QObject::connect(&bench.compare, &CompareController::cancelled, &bench, [&bench] {
    Q_EMIT bench.message(
        {UserMessage::Severity::Information,
         MainWindow::tr("The comparison was cancelled"),
         {},
         MainWindow::tr("Finished rows stay; running it again takes finished layers from the store.")});
  });
  QObject::connect(&bench.compare, &CompareController::busyChanged, &window.progress(), &ProgressStrip::setBusy);
  QObject::connect(&bench.compare, &CompareController::progressPolled, &window.progress(), &ProgressStrip::setProgress);
}

}  // namespace qs
