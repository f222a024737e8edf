#include "ui/controllers/preview_controller.h"

#include "ui/controllers/error_message.h"

namespace qs {
namespace {

PreviewResult makePreview(const Checkpoint& model, const std::string& layer, const LayerWeightsPtr& known,
                          const QuantRequest& request, const RunContext& context) {
  PreviewResult result;
  result.weights = known ? known : loadLayerWeights(model, layer, context);
  try {
    validateRequest(request);
    result.preview = previewLayer(model, result.weights, request, context);
  } catch (const Error& error) {
    result.failure = toJobError(error);
  }
  return result;
}

}  // namespace

PreviewController::PreviewController(QObject* parent) : QObject(parent) {
  connect(&m_runner, &JobRunnerBase::busyChanged, this, &PreviewController::busyChanged);
}

void PreviewController::setModel(const CheckpointPtr& model) {
  m_runner.cancel();
  m_model = model;
  m_layer.clear();
  m_weights.reset();
  m_preview.reset();
}

void PreviewController::setLayer(const QString& layer) {
  if (layer == m_layer) return;
  m_layer = layer;
  m_weights.reset();
  m_preview.reset();
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
  m_runner.start([model = m_model, layer = m_layer.toStdString(), known = m_weights, request = m_request](
                     const RunContext& context) { return makePreview(*model, layer, known, request, context); },
                 [this](JobOutcome<PreviewResult> outcome) { take(std::move(outcome)); });
}

void PreviewController::take(JobOutcome<PreviewResult> outcome) {
  const QString what = tr("No preview of %1").arg(m_layer);
  if (outcome.error) Q_EMIT previewFailed(errorMessage(what, *outcome.error));
  if (!outcome.result || m_layer.toStdString() != outcome.result->weights->name) return;
  const bool isNew = m_weights != outcome.result->weights;
  m_weights = outcome.result->weights;
  m_preview = outcome.result->preview;
  if (isNew || !m_preview) Q_EMIT weightsReady(m_weights);
  if (m_preview) Q_EMIT previewReady(m_preview);
  if (outcome.result->failure) Q_EMIT previewFailed(errorMessage(what, *outcome.result->failure));
}

}  // namespace qs
