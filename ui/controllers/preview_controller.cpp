#include "ui/controllers/preview_controller.h"

#include "ui/controllers/error_message.h"

namespace qs {
namespace {

/// What an earlier preview left.
struct Known {
  LayerWeightsPtr weights;
  std::shared_ptr<const ActivationStats> inputs;
};

/// Whether inputs gathered for one request serve another: the same text or file, for the same method.
bool sameInputs(const QuantRequest& a, const QuantRequest& b) {
  return a.calibration == b.calibration && a.method == b.method;
}

PreviewResult makePreview(const Checkpoint& model, const std::string& layer, const Known& known,
                          const QuantRequest& request, const CurveObserver& observer, const RunContext& context) {
  PreviewResult result;
  result.weights = known.weights ? known.weights : loadLayerWeights(model, layer, context);
  result.lacksCalibration = lacksCalibration(request);
  if (result.lacksCalibration) return result;
  try {
    validateRequest(request);
    result.inputs = known.inputs ? known.inputs : loadLayerInputs(model, result.weights, request, context);
    result.preview =
        previewLayer(model, result.weights, request, context, {.inputs = result.inputs, .curveObserver = observer});
  } catch (const Error& error) {
    result.failure = toJobError(error);
  }
  return result;
}

}  // namespace

PreviewController::PreviewController(QObject* parent) : QObject(parent) {
  connect(&m_runner, &JobRunnerBase::busyChanged, this, &PreviewController::busyChanged);
  connect(&m_runner, &JobRunnerBase::progressPolled, this, [this](const ProgressSnapshot& progress) {
    deliverCurve();
    Q_EMIT progressPolled(progress);
  });
}

void PreviewController::setModel(const CheckpointPtr& model) {
  m_runner.cancel();
  m_model = model;
  m_layer.clear();
  m_weights.reset();
  m_preview.reset();
  m_inputs.reset();
}

void PreviewController::setLayer(const QString& layer) {
  if (layer == m_layer) return;
  m_layer = layer;
  m_weights.reset();
  m_preview.reset();
  m_inputs.reset();
  restart();
}

void PreviewController::setRequest(const QuantRequest& request) {
  m_request = request;
  restart();
}

void PreviewController::restart() {
  if (!m_model || m_layer.isEmpty()) {
    m_runner.cancel();
    return;
  }
  if (!sameInputs(m_inputsOf, m_request)) m_inputs.reset();
  m_curves = std::make_shared<Mailbox<MethodCurve>>();
  const auto observer = [curves = m_curves, layer = m_layer.toStdString()](const std::string& at,
                                                                           const MethodCurve& curve) {
    if (at == layer) curves->post(curve);
  };
  m_runner.start(
      [model = m_model, layer = m_layer.toStdString(), known = Known{m_weights, m_inputs}, request = m_request,
       observer](const RunContext& context) { return makePreview(*model, layer, known, request, observer, context); },
      [this, request = m_request](JobOutcome<PreviewResult> outcome) { take(request, std::move(outcome)); });
}

void PreviewController::deliverCurve() {
  const auto curves = m_curves->take();
  if (!curves.empty()) Q_EMIT curveGrown(m_layer, curves.back());
}

void PreviewController::take(const QuantRequest& request, JobOutcome<PreviewResult> outcome) {
  const QString what = tr("No preview of %1").arg(m_layer);
  if (outcome.error) Q_EMIT previewFailed(errorMessage(what, *outcome.error));
  if (!outcome.result || m_layer.toStdString() != outcome.result->weights->name) return;
  const bool isNew = m_weights != outcome.result->weights;
  m_weights = outcome.result->weights;
  m_preview = outcome.result->preview;
  m_inputs = outcome.result->inputs;
  m_inputsOf = request;
  if (isNew || !m_preview) Q_EMIT weightsReady(m_weights);
  if (m_preview) Q_EMIT previewReady(m_preview);
  if (outcome.result->lacksCalibration) Q_EMIT calibrationLacked();
  if (outcome.result->failure) Q_EMIT previewFailed(errorMessage(what, *outcome.result->failure));
}

}  // namespace qs
