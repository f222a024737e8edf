#pragma once

#include <QObject>
#include <QString>
#include <filesystem>

#include "core/session/audit/audit_report.h"
#include "ui/controllers/model_controller.h"
#include "ui/jobs/job_runner.h"
#include "ui/support/user_message.h"

namespace qs {

/// What is compared: the opened model (or another original, by its path) with a quantized checkpoint.
struct AuditPlan {
  CheckpointPtr opened;  ///< used where `original` is empty
  QString original;
  QString quantized;
};

/// Audits a quantized checkpoint in the background.
class AuditController : public QObject {
  Q_OBJECT

 public:
  /// `executableFolder` is where the demo model is looked for from.
  explicit AuditController(std::filesystem::path executableFolder, QObject* parent = nullptr);

  [[nodiscard]] bool isBusy() const { return m_runner.isBusy(); }
  void setThreads(int threads) { m_runner.setThreads(threads); }
  void setPriority(WorkerPriority priority) { m_runner.setPriority(priority); }

 public Q_SLOTS:
  void start(const qs::AuditPlan& plan);
  void cancel() { m_runner.cancel(); }

 Q_SIGNALS:
  void finished(const qs::AuditReportPtr& report);
  void cancelled();
  void failed(const qs::UserMessage& message);
  void busyChanged(bool busy);
  void progressPolled(const qs::ProgressSnapshot& progress);

 private:
  std::filesystem::path m_executableFolder;
  JobRunner<AuditReportPtr> m_runner;
};

}  // namespace qs
