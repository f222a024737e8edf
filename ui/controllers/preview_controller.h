#pragma once

#include <QObject>
#include <QString>
#include <memory>

#include "core/session/preview.h"
#include "core/session/quant_request.h"
#include "ui/controllers/model_controller.h"
#include "ui/jobs/job_runner.h"
#include "ui/jobs/mailbox.h"
#include "ui/support/user_message.h"

namespace qs {

/// What a preview gives: the layer as it is, and quantized. Where the method failed only the first is set.
struct PreviewResult {
  LayerWeightsPtr weights;
  std::shared_ptr<const ActivationStats> inputs;
  LayerPreviewPtr preview;
  std::optional<JobError> failure;
  bool lacksCalibration = false;  ///< then there is neither a preview nor a failure
};

/// Quantizes the selected layer whenever the selection or a setting changes: the latest request wins. Keeps the layer's
/// weights between setting changes.
class PreviewController : public QObject {
  Q_OBJECT

 public:
  explicit PreviewController(QObject* parent = nullptr);

  [[nodiscard]] const QString& layer() const { return m_layer; }
  [[nodiscard]] const LayerPreviewPtr& preview() const { return m_preview; }
  [[nodiscard]] const LayerWeightsPtr& weights() const { return m_weights; }
  [[nodiscard]] bool isBusy() const { return m_runner.isBusy(); }

 public Q_SLOTS:
  void setModel(const qs::CheckpointPtr& model);
  /// The layer to look at; an empty name selects none.
  void setLayer(const QString& layer);
  void setRequest(const qs::QuantRequest& request);

 Q_SIGNALS:
  /// A layer's description without quantization: at once for a new layer, also where quantizing it fails.
  void weightsReady(const qs::LayerWeightsPtr& weights);
  void previewReady(const qs::LayerPreviewPtr& preview);
  /// The curve of a training as far as it has come.
  void curveGrown(const QString& layer, const qs::MethodCurve& curve);
  void progressPolled(const qs::ProgressSnapshot& progress);
  void previewFailed(const qs::UserMessage& message);
  /// The method needs calibration and the request names none: only the layer as it is can be shown.
  void calibrationLacked();
  void busyChanged(bool busy);

 private:
  void restart();
  void deliverCurve();
  void take(const QuantRequest& request, JobOutcome<PreviewResult> outcome);

  CheckpointPtr m_model;
  QString m_layer;
  QuantRequest m_request;
  LayerWeightsPtr m_weights;
  LayerPreviewPtr m_preview;
  std::shared_ptr<const ActivationStats> m_inputs;
  QuantRequest m_inputsOf;  ///< the request that m_inputs were gathered for
  std::shared_ptr<Mailbox<MethodCurve>> m_curves;
  JobRunner<PreviewResult> m_runner;
};

}  // namespace qs
