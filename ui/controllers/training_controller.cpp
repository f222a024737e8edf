#include "ui/controllers/training_controller.h"

#include "core/session/model_training.h"

namespace qs {

void TrainingController::foresee(const CheckpointPtr& model, const QuantRequest& request) {
  if (!model || !trainsModel(request)) {
    m_runner.cancel();
    Q_EMIT foreseen({});
    return;
  }
  m_runner.start([model, request](const RunContext& context) { return trainingPreflight(*model, request, context); },
                 [this](const JobOutcome<std::string>& outcome) {
                   if (outcome.result) Q_EMIT foreseen(QString::fromStdString(*outcome.result));
                   if (outcome.error)
                     Q_EMIT foreseen(outcome.error->subject + QLatin1String(": ") + outcome.error->reason);
                 });
}

}  // namespace qs
