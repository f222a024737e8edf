#pragma once

#include <QObject>
#include <memory>
#include <vector>

#include "core/session/continue_prompt.h"
#include "ui/controllers/run_controller.h"
#include "ui/jobs/job_runner.h"
#include "ui/jobs/mailbox.h"
#include "ui/support/user_message.h"

namespace qs {

/// Continues a prompt with the unquantized model and with finished runs, in the background. A later start replaces one
/// that is at work.
class PromptController : public QObject {
  Q_OBJECT

 public:
  explicit PromptController(QObject* parent = nullptr);

  [[nodiscard]] bool isBusy() const { return m_runner.isBusy(); }
  void setThreads(int threads) { m_runner.setThreads(threads); }
  void setPriority(WorkerPriority priority) { m_runner.setPriority(priority); }

  /// The model is that of the runs.
  void start(const CheckpointPtr& model, const std::vector<FinishedRunPtr>& runs, const QString& prompt, int tokens);

 public Q_SLOTS:
  void cancel() { m_runner.cancel(); }

 Q_SIGNALS:
  /// 0 is the unquantized model's, i + 1 that of the i-th run.
  void continuationReady(std::size_t index, const qs::Continuation& continuation);
  void failed(const qs::UserMessage& message);
  void busyChanged(bool busy);

 private:
  using Ready = std::pair<std::size_t, Continuation>;

  void deliver();

  std::shared_ptr<Mailbox<Ready>> m_ready;
  JobRunner<std::vector<Continuation>> m_runner;
};

}  // namespace qs
