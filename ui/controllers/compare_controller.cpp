#include "ui/controllers/compare_controller.h"

#include "ui/controllers/error_message.h"

namespace qs {

CompareController::CompareController(std::filesystem::path storeRoot, QObject* parent)
    : QObject(parent), m_storeRoot(std::move(storeRoot)) {
  connect(&m_runner, &JobRunnerBase::busyChanged, this, &CompareController::busyChanged);
  connect(&m_runner, &JobRunnerBase::progressPolled, this, [this](const ProgressSnapshot& progress) {
    deliverRows();
    Q_EMIT progressPolled(progress);
  });
}

void CompareController::start(const CheckpointPtr& model, const ComparisonPlan& plan) {
  if (!model || isBusy()) return;
  m_plan = plan;
  Q_EMIT started(plan);
  run(model, plan, 0);
}

void CompareController::retry(const CheckpointPtr& model, std::size_t index) {
  if (!model || isBusy() || index >= m_plan.request.methods.size()) return;
  ComparisonPlan one = m_plan;
  one.request.methods = {m_plan.request.methods[index]};
  Q_EMIT retried(index);
  run(model, one, index);
}

void CompareController::run(const CheckpointPtr& model, const ComparisonPlan& plan, std::size_t firstRow) {
  m_changes = std::make_shared<Mailbox<Change>>();
  m_firstRow = firstRow;
  m_isAbandoned = false;
  m_runner.start(
      [model, plan, changes = m_changes, root = m_storeRoot](const RunContext& context) {
        ComparisonRequest request = plan.request;
        if (!plan.evaluationTextFile.empty()) request.evaluationText = readText(plan.evaluationTextFile);
        return compareMethods(model, request, root, context, [&changes](std::size_t index, const ComparisonRow& row) {
          changes->post({index, row});
        });
      },
      [this, plan](const JobOutcome<ComparisonResult>& outcome) { take(plan, outcome); });
}

void CompareController::abandon() {
  m_isAbandoned = true;
  cancel();
}

void CompareController::take(const ComparisonPlan& plan, const JobOutcome<ComparisonResult>& outcome) {
  if (m_isAbandoned) return;
  deliverRows();
  if (outcome.error) Q_EMIT failed(errorMessage(tr("The comparison failed"), *outcome.error));
  if (outcome.isCancelled()) Q_EMIT cancelled();
  if (outcome.result) Q_EMIT finished(plan, *outcome.result);
}

void CompareController::deliverRows() {
  if (m_isAbandoned) return;
  for (const auto& [index, row] : m_changes->take()) Q_EMIT rowChanged(m_firstRow + index, row);
}

}  // namespace qs
