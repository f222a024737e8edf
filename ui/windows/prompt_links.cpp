#include "ui/windows/prompt_links.h"

#include "ui/panels/prompt_panel.h"
#include "ui/windows/main_window.h"

namespace qs {
namespace {

/// Finished runs in the order of their rows.
std::vector<PromptModel> promptModels(const Workbench& bench) {
  std::vector<PromptModel> models;
  for (const ComparisonEntry& row : bench.comparison.rows()) {
    if (!bench.finishedRun(row.id)) continue;
    models.push_back({row.id, QStringLiteral("%1 (%2)").arg(row.method, row.settings), row.colorSlot});
  }
  return models;
}

void continueWith(Workbench& bench, const QString& prompt, int tokens, const std::vector<int>& ids) {
  std::vector<FinishedRunPtr> runs;
  for (const int id : ids)
    if (const FinishedRunPtr run = bench.finishedRun(id)) runs.push_back(run);
  bench.prompt.start(bench.model.model(), runs, prompt, tokens);
}

}  // namespace

void linkPrompt(MainWindow& window) {
  Workbench& bench = window.workbench();
  PromptPanel* panel = window.docks().prompt;
  QObject::connect(&bench.model, &ModelController::modelChanged, panel, [panel](const CheckpointPtr& model) {
    panel->clear();
    panel->setHasModel(model != nullptr);
  });
  QObject::connect(&bench, &Workbench::rowsChanged, panel, [&bench, panel] { panel->setModels(promptModels(bench)); });
  QObject::connect(&bench, &Workbench::pinChanged, panel, [&bench, panel] {
    if (bench.finishedRun(bench.pinnedId())) panel->setChosen(bench.pinnedId(), true);
  });
  QObject::connect(panel, &PromptPanel::continueRequested, &bench,
                   [&bench](const QString& prompt, int tokens, const std::vector<int>& ids) {
                     continueWith(bench, prompt, tokens, ids);
                   });
  QObject::connect(&bench.prompt, &PromptController::continuationReady, panel, &PromptPanel::setContinuation);
  QObject::connect(&bench.prompt, &PromptController::busyChanged, panel, &PromptPanel::setBusy);
}

}  // namespace qs
