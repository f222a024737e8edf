#include "ui/controllers/audit_controller.h"

#include "core/session/audit/audit_checkpoint.h"
#include "core/session/demo_model.h"
#include "ui/controllers/error_message.h"

namespace qs {

AuditController::AuditController(std::filesystem::path executableFolder, QObject* parent)
    : QObject(parent), m_executableFolder(std::move(executableFolder)) {
  connect(&m_runner, &JobRunnerBase::busyChanged, this, &AuditController::busyChanged);
  connect(&m_runner, &JobRunnerBase::progressPolled, this, &AuditController::progressPolled);
}

void AuditController::start(const AuditPlan& plan) {
  m_runner.start(
      [plan, folder = m_executableFolder](const RunContext& context) -> AuditReportPtr {
        const CheckpointPtr original =
            plan.original.isEmpty() ? plan.opened : openModel(plan.original.toStdString(), folder);
        const CheckpointPtr quantized = openModel(plan.quantized.toStdString(), folder);
        return std::make_shared<const AuditReport>(auditCheckpoint(*original, *quantized, context));
      },
      [this, path = plan.quantized](const JobOutcome<AuditReportPtr>& outcome) {
        if (outcome.result) Q_EMIT finished(*outcome.result);
        if (outcome.error) Q_EMIT failed(errorMessage(tr("%1 was not audited").arg(path), *outcome.error));
        if (outcome.isCancelled()) Q_EMIT cancelled();
      });
}

}  // namespace qs
