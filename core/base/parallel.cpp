#include "core/base/parallel.h"

#include <sched.h>

#include <optional>
#include <stop_token>
#include <thread>

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <tbb/task_scheduler_observer.h>

#include "core/base/blas_threads.h"
#include "core/base/error.h"

namespace qs {

namespace {

void setThreadPolicy(int policy) {
  const sched_param parameter{};
  sched_setscheduler(0, policy, &parameter);  // a hint: where it is refused, the work still runs
}

int policyOf(WorkerPriority priority) {
  if (priority == WorkerPriority::Normal) return SCHED_OTHER;
  return priority == WorkerPriority::Low ? SCHED_BATCH : SCHED_IDLE;
}

// The calling thread's own policy, again at the end.
class KeptPolicy {
 public:
  KeptPolicy() = default;
  ~KeptPolicy() { setThreadPolicy(m_policy); }
  KeptPolicy(const KeptPolicy&) = delete;
  KeptPolicy& operator=(const KeptPolicy&) = delete;
  KeptPolicy(KeptPolicy&&) = delete;
  KeptPolicy& operator=(KeptPolicy&&) = delete;

 private:
  int m_policy = sched_getscheduler(0);
};

class PriorityObserver : public tbb::task_scheduler_observer {
 public:
  PriorityObserver(tbb::task_arena& arena, WorkerPriority priority)
      : tbb::task_scheduler_observer(arena), m_priority(priority) {
    observe(true);
  }
  ~PriorityObserver() override { observe(false); }
  PriorityObserver(const PriorityObserver&) = delete;
  PriorityObserver& operator=(const PriorityObserver&) = delete;
  PriorityObserver(PriorityObserver&&) = delete;
  PriorityObserver& operator=(PriorityObserver&&) = delete;

  void on_scheduler_entry(bool) override { setThreadPolicy(policyOf(m_priority)); }

 private:
  WorkerPriority m_priority;
};

}  // namespace

void inWorkerArena(const RunContext& context, const std::function<void()>& work) {
  useOneBlasThread();
  const int threads = context.threadCount();
  // oneTBB starts at most one thread a core unless it is told otherwise.
  std::optional<tbb::global_control> moreThanCores;
  if (threads > static_cast<int>(std::thread::hardware_concurrency()))
    moreThanCores.emplace(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads, 1);
  arena.initialize();
  const KeptPolicy own;
  const PriorityObserver observer(arena, context.priority);
  arena.execute(work);
}

void parallelFor(const RunContext& context, std::size_t count, const std::function<void(std::size_t)>& body) {
  context.throwIfStopped();
  // Isolated: were it bound to the loop around it, another body's fault there would end this one half done, as if all
  // of it were.
  tbb::task_group_context group(tbb::task_group_context::isolated);
  const std::stop_callback cancel(context.stop, [&group] { group.cancel_group_execution(); });
  // A thread that waits here must not begin another layer meanwhile, or memory grows with the threads' luck.
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(
        std::size_t{0}, count,
        [&](std::size_t i) {
          if (!context.stop.stop_requested()) body(i);
        },
        tbb::simple_partitioner(), group);
  });
  context.throwIfStopped();
}

}  // namespace qs
