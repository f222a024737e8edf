#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "ui/jobs/job_error.h"
#include "ui/jobs/job_runner_base.h"

namespace qs {

/// How a job ended: with a result, with an error, or cancelled (neither).
template <typename Result>
struct JobOutcome {
  std::optional<Result> result;
  std::optional<JobError> error;

  [[nodiscard]] bool isCancelled() const { return !result && !error; }
};

/// The only place of the window that starts a thread. Runs one job at a time on a driver thread, inside a worker arena,
/// and delivers its outcome on the UI thread. Starting another while one is at work asks that one to stop, and drops
/// its outcome: the latest wins. Exceptions of the work become values.
template <typename Result>
class JobRunner : public JobRunnerBase {
 public:
  using Work = std::function<Result(const RunContext&)>;
  using Done = std::function<void(JobOutcome<Result>)>;

  using JobRunnerBase::JobRunnerBase;
  ~JobRunner() override { stopAndJoin(); }

  /// Calls `work` on the driver thread and then `done` on the UI thread, unless a later start came in between.
  void start(Work work, Done done) {
    Job job{std::move(work), std::move(done), ++m_generation};
    if (isBusy()) {
      cancel();
      m_waiting = std::move(job);
      return;
    }
    begin(std::move(job));
    Q_EMIT busyChanged(true);
  }

 protected:
  void dropWaiting() override { m_waiting.reset(); }
  bool startWaiting() override {
    if (!m_waiting) return false;
    begin(*std::exchange(m_waiting, std::nullopt));
    return true;
  }

 private:
  struct Job {
    Work work;
    Done done;
    std::uint64_t generation = 0;
  };

  static JobOutcome<Result> outcomeOf(const Work& work, const RunContext& context) {
    JobOutcome<Result> outcome;
    try {
      outcome.result = work(context);
    } catch (const Cancelled&) {
    } catch (const std::exception& error) {
      outcome.error = toJobError(error);
    }
    return outcome;
  }

  void begin(Job job) {
    auto outcome = std::make_shared<JobOutcome<Result>>();
    launch([outcome, work = std::move(job.work)](const RunContext& context) { *outcome = outcomeOf(work, context); },
           [this, outcome, done = std::move(job.done), generation = job.generation] {
             if (generation == m_generation) done(std::move(*outcome));
           });
  }

  std::optional<Job> m_waiting;
  std::uint64_t m_generation = 0;  ///< counts the starts: only the outcome of the last one is delivered
};

}  // namespace qs
