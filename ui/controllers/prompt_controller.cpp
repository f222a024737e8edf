#include "ui/controllers/prompt_controller.h"

#include "ui/controllers/error_message.h"

namespace qs {

PromptController::PromptController(QObject* parent) : QObject(parent), m_ready(std::make_shared<Mailbox<Ready>>()) {
  connect(&m_runner, &JobRunnerBase::busyChanged, this, &PromptController::busyChanged);
  connect(&m_runner, &JobRunnerBase::progressPolled, this, &PromptController::deliver);
}

void PromptController::start(const CheckpointPtr& model, const std::vector<FinishedRunPtr>& runs, const QString& prompt,
                             int tokens) {
  if (!model) return;
  PromptRequest request{.prompt = prompt.toStdString(), .tokens = static_cast<std::size_t>(tokens)};
  for (const FinishedRunPtr& run : runs)
    request.runs.push_back(std::make_shared<const StoredRun>(StoredRun{run->request, run->report, run->store}));
  m_ready = std::make_shared<Mailbox<Ready>>();
  m_runner.start(
      [model, request, ready = m_ready](const RunContext& context) {
        return continuePrompt(model, request, context, [&ready](std::size_t index, const Continuation& continuation) {
          ready->post({index, continuation});
        });
      },
      [this](const JobOutcome<std::vector<Continuation>>& outcome) {
        deliver();
        if (outcome.error) Q_EMIT failed(errorMessage(tr("The prompt could not be continued"), *outcome.error));
      });
}

void PromptController::deliver() {
  for (const auto& [index, continuation] : m_ready->take()) Q_EMIT continuationReady(index, continuation);
}

}  // namespace qs
