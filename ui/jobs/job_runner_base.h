#pragma once

#include <QObject>
#include <QTimer>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

#include "core/base/parallel.h"
#include "core/base/progress.h"
#include "core/base/run_context.h"

namespace qs {

/// How many worker threads a job of the window gets: every core up to 4, above that one is left free.
[[nodiscard]] int defaultJobThreads();

/// What all job runners share: the driver thread, its stop source, the progress timer. Lives on the UI thread.
class JobRunnerBase : public QObject {
  Q_OBJECT

 public:
  explicit JobRunnerBase(QObject* parent = nullptr);
  /// Asks the job at work to stop and waits for it (within 200 ms).
  ~JobRunnerBase() override;

  [[nodiscard]] bool isBusy() const { return m_thread.joinable(); }
  /// Threads of the next job; 0 = defaultJobThreads().
  void setThreads(int threads) { m_threads = threads; }
  void setPriority(WorkerPriority priority) { m_priority = priority; }

 public Q_SLOTS:
  /// Asks the job at work to stop; it ends with a cancelled outcome. A waiting job is dropped.
  void cancel();

 Q_SIGNALS:
  void busyChanged(bool busy);
  /// 20 times a second while a job is at work, and never otherwise.
  void progressPolled(const qs::ProgressSnapshot& progress);

 protected:
  /// Runs `work` in a worker arena on the driver thread, then `finish` on the UI thread. Only one at a time.
  void launch(std::function<void(const RunContext&)> work, std::function<void()> finish);
  void stopAndJoin();
  virtual void dropWaiting() = 0;
  /// Whether another job begins at once, so that busyChanged(false) is not told.
  virtual bool startWaiting() = 0;

 private:
  void jobEnded(const std::function<void()>& finish);

  std::thread m_thread;
  std::stop_source m_stop;
  std::shared_ptr<Progress> m_progress;
  QTimer m_timer;
  int m_threads = 0;
  WorkerPriority m_priority = WorkerPriority::Low;
};

}  // namespace qs
