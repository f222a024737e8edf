#pragma once

#include <QObject>

#include "core/session/quant_request.h"
#include "ui/controllers/model_controller.h"
#include "ui/jobs/job_runner.h"

namespace qs {

/// Says what a run that trains the model would take, before it is started: memory and time, as a whole and block by
/// block, or why it can't be. Reads the training text and measures the machine, in the background; the latest wins.
class TrainingController : public QObject {
  Q_OBJECT

 public:
  using QObject::QObject;

 public Q_SLOTS:
  void foresee(const qs::CheckpointPtr& model, const qs::QuantRequest& request);

 Q_SIGNALS:
  /// Empty for a run that trains nothing.
  void foreseen(const QString& text);

 private:
  JobRunner<std::string> m_runner;
};

}  // namespace qs
