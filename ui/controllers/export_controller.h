#pragma once

#include <QObject>
#include <QString>

#include "core/exporters/exporter.h"
#include "ui/controllers/run_controller.h"
#include "ui/jobs/job_runner.h"
#include "ui/support/user_message.h"

namespace qs {

/// Writes finished runs and texts to files: aside and renamed, so that a failure leaves nothing under the name.
class ExportController : public QObject {
  Q_OBJECT

 public:
  explicit ExportController(QObject* parent = nullptr);

  [[nodiscard]] bool isBusy() const { return m_runner.isBusy(); }
  void setThreads(int threads) { m_runner.setThreads(threads); }
  void setPriority(WorkerPriority priority) { m_runner.setPriority(priority); }

 public Q_SLOTS:
  /// Finds out, in the background, what the exporter of that id says of the run before any work.
  void preflight(const qs::FinishedRunPtr& run, const QString& exporterId, const qs::ExportOptions& options);
  /// Writes the run's quantized layers with the exporter of that id, in the background. Where the format stores scales
  /// of another type than the run did, its layers are quantized again with them first.
  void exportRun(const qs::FinishedRunPtr& run, const QString& exporterId, const qs::ExportOptions& options);
  /// Writes a short text (a table) at once.
  void exportText(const QString& path, const QByteArray& text);
  void cancel() { m_runner.cancel(); }

 Q_SIGNALS:
  void preflightReady(const std::vector<qs::PreflightFinding>& findings);
  /// `result` says how much was read back and compared.
  void exported(const QString& path, const QString& result);
  void exportFailed(const qs::UserMessage& message);
  void busyChanged(bool busy);
  void progressPolled(const qs::ProgressSnapshot& progress);

 private:
  JobRunner<ExportResult> m_runner;
  JobRunner<std::vector<PreflightFinding>> m_preflight;
};

}  // namespace qs
