#include "ui/controllers/run_controller.h"

#include "core/session/model_training.h"
#include "core/session/run_quantization.h"
#include "core/session/stopped_training.h"
#include "ui/controllers/error_message.h"

namespace qs {
namespace {

LayerSink postTo(const std::shared_ptr<Mailbox<LayerReportPtr>>& layers) {
  return [layers](LayerReportPtr report) { layers->post(std::move(report)); };
}

}  // namespace

RunController::RunController(std::filesystem::path storeRoot, QObject* parent)
    : QObject(parent), m_storeRoot(std::move(storeRoot)) {
  connect(&m_runner, &JobRunnerBase::busyChanged, this, &RunController::busyChanged);
  connect(&m_runner, &JobRunnerBase::progressPolled, this, [this](const ProgressSnapshot& progress) {
    deliverLayers();
    Q_EMIT progressPolled(progress);
  });
}

void RunController::start(const CheckpointPtr& model, const QuantRequest& request) {
  if (!model || isBusy()) return;
  const int id = ++m_lastId;
  m_layers = std::make_shared<Mailbox<LayerReportPtr>>();
  m_curves = std::make_shared<Mailbox<Curves>>();
  m_keepsBest = trainsModel(request);
  m_isAbandoned = false;
  Q_EMIT started(id, request);
  m_runner.start(
      [model, request, layers = m_layers, curves = m_curves, root = m_storeRoot](const RunContext& context) {
        auto store = std::make_shared<RunStore>(root, *model, request);
        const RunObservers observers{
            .layers = postTo(layers),
            .curves = [&curves](const std::string& title, const std::vector<MethodCurve>& grown) {
              curves->post({QString::fromStdString(title), grown});
            }};
        auto report = std::make_shared<QuantReport>(runQuantization(*model, request, *store, context, observers));
        RunStore::trim(root);
        return Result{std::move(report), std::move(store)};
      },
      [this, id, model, request](const JobOutcome<Result>& outcome) { take(id, model, request, outcome); });
}

void RunController::abandon() {
  m_keepsBest = false;
  m_isAbandoned = true;
  cancel();
}

void RunController::convertStopped(int id, const CheckpointPtr& model, const QuantRequest& request) {
  m_keepsBest = false;
  m_runner.start(
      [model, request, layers = m_layers, root = m_storeRoot](const RunContext& context) {
        const RunStore store(root, *model, request);
        std::optional<StoppedTraining> stopped =
            qs::convertStopped(*model, request, store, context, {.layers = postTo(layers)});
        if (!stopped) throw Cancelled();
        return Result{std::move(stopped->report), std::move(stopped->store)};
      },
      [this, id, model, request](const JobOutcome<Result>& outcome) { take(id, model, request, outcome); });
}

void RunController::deliverLayers() {
  if (m_isAbandoned) return;
  const auto layers = m_layers->take();
  if (!layers.empty()) Q_EMIT layersReady(m_lastId, layers);
  const auto curves = m_curves->take();
  if (!curves.empty()) Q_EMIT curvesGrown(curves.back().title, curves.back().curves);
}

void RunController::take(int id, const CheckpointPtr& model, const QuantRequest& request,
                         const JobOutcome<Result>& outcome) {
  deliverLayers();
  if (outcome.isCancelled() && m_keepsBest) return convertStopped(id, model, request);
  if (outcome.isCancelled()) Q_EMIT cancelled(id);
  if (outcome.error) Q_EMIT failed(id, errorMessage(tr("The run failed"), *outcome.error));
  if (!outcome.result) return;
  Q_EMIT finished(std::make_shared<const FinishedRun>(
      FinishedRun{id, model, request, outcome.result->report, outcome.result->store}));
}

}  // namespace qs
