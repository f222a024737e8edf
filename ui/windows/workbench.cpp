#include "ui/windows/workbench.h"

#include <QFileInfo>
#include <algorithm>

#include "core/session/layer_filter.h"
#include "core/session/model_training.h"
#include "core/session/training_results.h"
#include "ui/windows/run_description.h"

namespace qs {

Workbench::Workbench(const ProgramFolders& folders, QObject* parent)
    : QObject(parent), model(folders.executable), run(folders.runs), compare(folders.runs), audit(folders.executable) {
  filter.setSourceModel(&tree);
  connect(&model, &ModelController::modelChanged, this, &Workbench::takeModel);
  connect(&model, &ModelController::openFailed, this,
          [this](const QString&, const UserMessage& text) { Q_EMIT message(text); });
  connect(&request, &RequestController::requestChanged, &preview, &PreviewController::setRequest);
  connect(&compare, &CompareController::started, this, &Workbench::beginComparison);
  connect(&compare, &CompareController::rowChanged, this, &Workbench::takeCompared);
  joinMessages();
  joinRun();
}

void Workbench::joinMessages() {
  using About = UserMessage::About;
  const auto passOn = [this](About about) { return [this, about](const UserMessage& text) { tell(text, about); }; };
  connect(&exports, &ExportController::exportFailed, this, passOn(About::Export));
  connect(&exports, &ExportController::exported, this, [this](const QString& path, const QString& result) {
    tell({UserMessage::Severity::Information, tr("Written"), path, result}, About::Export);
  });
  connect(&preview, &PreviewController::previewFailed, this, passOn(About::Preview));
  connect(&preview, &PreviewController::calibrationLacked, this, &Workbench::tellCalibrationLacked);
  connect(&compare, &CompareController::failed, this, passOn(About::Comparison));
  connect(&prompt, &PromptController::failed, this, passOn(About::Prompt));
  const auto outdate = [this](About about) { return [this, about] { Q_EMIT messagesOutdated(about); }; };
  connect(&run, &RunController::started, this, outdate(About::Run));
  connect(&compare, &CompareController::started, this, outdate(About::Comparison));
  connect(&compare, &CompareController::retried, this, outdate(About::Comparison));
  connect(&preview, &PreviewController::previewReady, this, outdate(About::Preview));
  connect(this, &Workbench::tensorChanged, this, outdate(About::Preview));
  connect(&exports, &ExportController::busyChanged, this, [this](bool busy) {
    if (busy) Q_EMIT messagesOutdated(About::Export);
  });
  connect(&prompt, &PromptController::busyChanged, this, [this](bool busy) {
    if (busy) Q_EMIT messagesOutdated(About::Prompt);
  });
}

void Workbench::tell(UserMessage text, UserMessage::About about) {
  text.about = about;
  Q_EMIT message(text);
}

void Workbench::joinRun() {
  connect(&run, &RunController::started, this, [this](int id, const QuantRequest& started) {
    tree.clearReports();
    m_asked[id] = started;
    m_shown = -1;
    comparison.setRow(runningRow(started, id));
    Q_EMIT rowsChanged();
  });
  connect(&run, &RunController::layersReady, this,
          [this](int, const std::vector<LayerReportPtr>& layers) { tree.setLayerReports(layers); });
  connect(&run, &RunController::finished, this, &Workbench::takeFinished);
  connect(&run, &RunController::cancelled, this, [this](int id) {
    comparison.removeRow(id);
    m_asked.erase(id);
    tree.clearReports();
    Q_EMIT rowsChanged();
    tell({UserMessage::Severity::Information,
          tr("The run was cancelled"),
          {},
          tr("Running it again takes the finished layers from the store.")},
         UserMessage::About::Run);
  });
  connect(&run, &RunController::failed, this, [this](int id, const UserMessage& text) {
    endRow(id, ComparisonEntry::Status::Failed, text.why);
    tell(text, UserMessage::About::Run);
  });
}

void Workbench::endRow(int id, ComparisonEntry::Status status, const QString& note) {
  for (ComparisonEntry row : comparison.rows()) {
    if (row.id != id) continue;
    row.status = status;
    row.note = note;
    comparison.setRow(row);
    break;
  }
  Q_EMIT rowsChanged();
}

void Workbench::takeModel(const CheckpointPtr& opened) {
  run.abandon();
  compare.abandon();
  prompt.cancel();
  m_runs.clear();
  m_asked.clear();
  m_shown = -1;
  m_pinned = -1;
  m_tensor.clear();
  tree.setCheckpoint(opened);
  preview.setModel(opened);
  comparison.clear();
  if (opened) {
    comparison.setRow(unquantizedRow(*opened, kReferenceId));
    if (model.path() != ModelController::kDemo) recent.add(QFileInfo(model.path()).absoluteFilePath());
    tellWarnings(*opened);
  }
  Q_EMIT rowsChanged();
}

// Rows of an earlier comparison make room; runs stay.
void Workbench::beginComparison() {
  std::vector<int> earlier;
  for (const ComparisonEntry& row : comparison.rows())
    if (row.id >= kFirstComparedId) earlier.push_back(row.id);
  for (const int id : earlier) {
    m_runs.erase(id);
    comparison.removeRow(id);
    if (m_pinned == id) pinRun(id);
  }
}

void Workbench::takeCompared(std::size_t index, const ComparisonRow& row) {
  const int id = row.method == kUnquantized ? kReferenceId : kFirstComparedId + static_cast<int>(index);
  if (row.run && row.status == RowStatus::Done)
    m_runs[id] = std::make_shared<const FinishedRun>(
        FinishedRun{id, model.model(), row.run->request, row.run->report, row.run->store});
  comparison.setRow(comparedEntry(row, id));
  Q_EMIT rowsChanged();
}

void Workbench::tellCalibrationLacked() {
  tell({UserMessage::Severity::Information,
        tr("%1 needs calibration").arg(styleOf(request.request().method).name),
        {},
        tr("Choose in the Method panel, under Calibration, where the layers' inputs come from: a run of the model over "
           "a "
           "text, or an activations file.")},
       UserMessage::About::Preview);
}

void Workbench::tellWarnings(const Checkpoint& opened) {
  QStringList warnings;
  for (const std::string& warning : opened.contents().warnings) warnings << QString::fromStdString(warning);
  if (warnings.isEmpty()) return;
  const QString more =
      warnings.size() > 1 ? tr("%1 more under File > Model information.").arg(warnings.size() - 1) : QString();
  Q_EMIT message(
      {UserMessage::Severity::Information, QString::fromStdString(opened.displayName()), warnings.front(), more});
}

void Workbench::takeFinished(const FinishedRunPtr& finished) {
  if (finished->model != model.model()) return;
  m_runs[finished->id] = finished;
  comparison.setRow(finishedRow(*finished->model, finished->request, *finished->report, finished->id));
  Q_EMIT rowsChanged();
  showRun(finished->id);
  if (const std::string early = trainingEndedEarly(*finished->report); !early.empty())
    tell({UserMessage::Severity::Information, tr("The training ended early"), QString::fromStdString(early),
          tr("Its row holds that step. A stopped training goes on when it is run again.")},
         UserMessage::About::Run);
}

FinishedRunPtr Workbench::finishedRun(int id) const {
  const auto found = m_runs.find(id);
  return found == m_runs.end() ? nullptr : found->second;
}

LayerReportPtr Workbench::pinnedReport(const QString& layer) const {
  const FinishedRunPtr pinned = finishedRun(m_pinned);
  if (!pinned) return nullptr;
  for (const LayerReportPtr& report : pinned->report->layers) {
    if (QString::fromStdString(report->name) == layer && report->error.empty()) return report;
  }
  return nullptr;
}

QStringList Workbench::layerNames() const {
  QStringList names;
  if (!model.model()) return names;
  for (const CheckpointTensor* tensor : chooseLayers(*model.model(), {})) {
    names << QString::fromStdString(layerName(tensor->info.name));
  }
  return names;
}

QStringList Workbench::chosenLayers(const QuantRequest& of) const {
  QStringList names;
  if (!model.model()) return names;
  for (const CheckpointTensor* tensor : chooseLayers(*model.model(), of.layers)) {
    const std::string layer = layerName(tensor->info.name);
    if (planLayer(of, layer)) names << QString::fromStdString(layer);
  }
  return names;
}

void Workbench::selectTensor(const QString& tensor, const QString& layer) {
  if (tensor == m_tensor) return;
  m_tensor = tensor;
  Q_EMIT tensorChanged(tensor, layer);
  preview.setLayer(layer);
}

void Workbench::selectNamed(const QString& tensor) {
  if (!model.model() || model.model()->find(tensor.toStdString()) == nullptr) return;
  const QString layer = QString::fromStdString(layerName(tensor.toStdString()));
  selectTensor(tensor, tree.indexOfLayer(layer).isValid() ? layer : QString());
}

void Workbench::startRun() {
  if (isRunning() || !model.model()) return;
  if (lacksCalibration(request.request())) return tellCalibrationLacked();
  run.start(model.model(), runRequest());
}

QuantRequest Workbench::runRequest() const {
  QuantRequest wanted = request.request();
  if (!trainsModel(wanted)) return wanted;
  wanted.scaleType = ScaleType::F16;  // so that no export has to train again
  const bool hasOwnText = wanted.calibration.runModel && !wanted.calibration.textFile.empty() &&
                          wanted.calibration.textFile != m_calibrationText;
  wanted.trainingText = hasOwnText ? wanted.calibration.textFile : m_trainingText;
  return wanted;
}

void Workbench::showRun(int id) {
  const FinishedRunPtr finished = finishedRun(id);
  if (!finished) return;
  m_shown = id;
  tree.clearReports();
  tree.setLayerReports(finished->report->layers);
  Q_EMIT runShown(finished);
}

void Workbench::pinRun(int id) {
  m_pinned = m_pinned == id ? -1 : id;
  Q_EMIT pinChanged();
}

void Workbench::removeRun(int id) {
  if (id == kReferenceId || (run.isBusy() && !finishedRun(id))) return;
  m_runs.erase(id);
  m_asked.erase(id);
  comparison.removeRow(id);
  if (m_pinned == id) pinRun(id);
  Q_EMIT rowsChanged();
}

std::optional<std::size_t> Workbench::comparedIndex(int id) const {
  const auto& methods = compare.plan().request.methods;
  const auto reference = std::ranges::find(methods, kUnquantized, &ComparedMethod::method) - methods.begin();
  const auto index = id == kReferenceId ? reference : static_cast<std::ptrdiff_t>(id) - kFirstComparedId;
  return index >= 0 && index < std::ssize(methods) ? std::optional(static_cast<std::size_t>(index)) : std::nullopt;
}

bool Workbench::canRetry(int id) const {
  using Status = ComparisonEntry::Status;
  const auto row = std::ranges::find(comparison.rows(), id, &ComparisonEntry::id);
  if (row == comparison.rows().end() || isRunning()) return false;
  if (row->status != Status::Failed && row->status != Status::Cancelled) return false;
  return m_asked.contains(id) || comparedIndex(id);
}

void Workbench::retryRun(int id) {
  if (!canRetry(id) || !model.model()) return;
  const auto asked = m_asked.find(id);
  if (asked == m_asked.end()) return compare.retry(model.model(), *comparedIndex(id));
  const QuantRequest wanted = asked->second;
  removeRun(id);
  run.start(model.model(), wanted);
}

}  // namespace qs
