#pragma once

#include <QObject>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/session/quant_report.h"
#include "core/session/quant_request.h"
#include "core/session/run_store.h"
#include "ui/controllers/model_controller.h"
#include "ui/jobs/job_runner.h"
#include "ui/jobs/mailbox.h"
#include "ui/support/user_message.h"

namespace qs {

/// A run that came to its end: all that a comparison row and an export need.
struct FinishedRun {
  int id = 0;
  CheckpointPtr model;
  QuantRequest request;
  QuantReportPtr report;
  std::shared_ptr<const RunStore> store;
};
using FinishedRunPtr = std::shared_ptr<const FinishedRun>;

/// Quantizes all layers of the model in the background, one run at a time. Layers arrive while it runs, at most 20
/// times a second. A cancelled run leaves nothing but layers that a later run may take from the store; a cancelled
/// training is made a finished run of its best step so far, and the same run later goes on training.
class RunController : public QObject {
  Q_OBJECT

 public:
  /// Runs are stored below `storeRoot`; the oldest are removed once all take more than 20 GB.
  explicit RunController(std::filesystem::path storeRoot, QObject* parent = nullptr);

  [[nodiscard]] bool isBusy() const { return m_runner.isBusy(); }
  void setThreads(int threads) { m_runner.setThreads(threads); }
  void setPriority(WorkerPriority priority) { m_runner.setPriority(priority); }

 public Q_SLOTS:
  void start(const qs::CheckpointPtr& model, const qs::QuantRequest& request);
  /// Stops the run; a training then converts its best step so far, which a second cancel gives up.
  void cancel() { m_runner.cancel(); }
  /// Stops the run and tells no more of its layers and curves: they are of a model that isn't shown any longer.
  void abandon();

 Q_SIGNALS:
  void started(int id, const qs::QuantRequest& request);
  void layersReady(int id, const std::vector<qs::LayerReportPtr>& layers);
  /// The curves of a model's training as far as they have come.
  void curvesGrown(const QString& title, const std::vector<qs::MethodCurve>& curves);
  void finished(const qs::FinishedRunPtr& run);
  void cancelled(int id);
  void failed(int id, const qs::UserMessage& message);
  void busyChanged(bool busy);
  void progressPolled(const qs::ProgressSnapshot& progress);

 private:
  struct Result {
    QuantReportPtr report;
    std::shared_ptr<const RunStore> store;
  };

  struct Curves {
    QString title;
    std::vector<MethodCurve> curves;
  };

  void deliverLayers();
  void convertStopped(int id, const CheckpointPtr& model, const QuantRequest& request);
  void take(int id, const CheckpointPtr& model, const QuantRequest& request, const JobOutcome<Result>& outcome);

  std::filesystem::path m_storeRoot;
  std::shared_ptr<Mailbox<LayerReportPtr>> m_layers;
  std::shared_ptr<Mailbox<Curves>> m_curves;
  int m_lastId = 0;
  bool m_keepsBest = false;  ///< whether a cancel leaves something to convert
  bool m_isAbandoned = false;
  JobRunner<Result> m_runner;
};

}  // namespace qs
