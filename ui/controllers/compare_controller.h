#pragma once

#include <QObject>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/session/compare_methods.h"
#include "ui/controllers/model_controller.h"
#include "ui/jobs/job_runner.h"
#include "ui/jobs/mailbox.h"
#include "ui/support/user_message.h"

namespace qs {

/// What a comparison measures with: files are read when it begins.
struct ComparisonPlan {
  ComparisonRequest request;                 ///< without the evaluation text
  std::filesystem::path evaluationTextFile;  ///< empty = nothing is evaluated
};

/// Runs a set of methods over the model and measures each, in the background. Rows arrive as they change, at most 20
/// times a second.
class CompareController : public QObject {
  Q_OBJECT

 public:
  explicit CompareController(std::filesystem::path storeRoot, QObject* parent = nullptr);

  [[nodiscard]] bool isBusy() const { return m_runner.isBusy(); }
  /// What was compared last.
  [[nodiscard]] const ComparisonPlan& plan() const { return m_plan; }
  void setThreads(int threads) { m_runner.setThreads(threads); }
  void setPriority(WorkerPriority priority) { m_runner.setPriority(priority); }

 public Q_SLOTS:
  void start(const qs::CheckpointPtr& model, const qs::ComparisonPlan& plan);
  /// Measures one row of the last comparison again, with its settings and texts.
  void retry(const qs::CheckpointPtr& model, std::size_t index);
  void cancel() { m_runner.cancel(); }
  /// Stops the comparison and tells nothing more of it: its rows are of a model that isn't shown any longer.
  void abandon();

 Q_SIGNALS:
  void started(const qs::ComparisonPlan& plan);
  void retried(std::size_t index);
  void rowChanged(std::size_t index, const qs::ComparisonRow& row);
  void finished(const qs::ComparisonPlan& plan, const qs::ComparisonResult& result);
  void cancelled();
  void failed(const qs::UserMessage& message);
  void busyChanged(bool busy);
  void progressPolled(const qs::ProgressSnapshot& progress);

 private:
  using Change = std::pair<std::size_t, ComparisonRow>;

  /// The rows of `plan` are those from `firstRow` on.
  void run(const CheckpointPtr& model, const ComparisonPlan& plan, std::size_t firstRow);
  void deliverRows();
  void take(const ComparisonPlan& plan, const JobOutcome<ComparisonResult>& outcome);

  std::filesystem::path m_storeRoot;
  std::shared_ptr<Mailbox<Change>> m_changes;
  ComparisonPlan m_plan;
  std::size_t m_firstRow = 0;
  bool m_isAbandoned = false;
  JobRunner<ComparisonResult> m_runner;
};

}  // namespace qs
