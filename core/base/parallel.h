#pragma once

#include <cstddef>
#include <functional>

#include "core/base/run_context.h"

namespace qs {

/// Runs `work` in a fresh arena of `context.threadCount()` threads (the caller's is one of them) at
/// `context.priority`; every parallelFor below it uses that arena. Called by the thread that drives a job, which has
/// its own priority again afterwards. Exceptions pass through.
void inWorkerArena(const RunContext& context, const std::function<void()>& work);

/// Calls `body(i)` for i in 0..count-1, in parallel in the arena at work, in no particular order; may be nested. Each
/// call should take 0.1 to 50 ms. Throws Cancelled once the context is asked to stop (running bodies finish), or the
/// first exception of a body; bodies that run beside that one finish whole, loops within them, too. For results that
/// don't depend on the thread count write to slot i only and merge in index order.
void parallelFor(const RunContext& context, std::size_t count, const std::function<void(std::size_t)>& body);

}  // namespace qs
