#pragma once

#include <cstddef>
#include <stop_token>

#include "core/base/progress.h"

namespace qs {

/// Scheduling class of the worker threads. Low (SCHED_BATCH) keeps a window responsive with every core busy.
enum class WorkerPriority { Normal, Low, Idle };

/// What every long computation gets: when to stop, where to tell its progress, and how many threads it may use.
/// Cheap to copy. The result of a computation never depends on `threads`.
struct RunContext {
  std::stop_token stop;
  Progress* progress = nullptr;  ///< not owned; may be null
  int threads = 0;               ///< 0 = all cores; more than the cores is allowed, and really starts them
  WorkerPriority priority = WorkerPriority::Low;

  /// Throws Cancelled once a stop was requested. Serial stages call it between tiles of at most 50 ms.
  void throwIfStopped() const;
  /// Adds to the progress, if there is one.
  void advance(double units) const;
  [[nodiscard]] int threadCount() const;
};

}  // namespace qs
