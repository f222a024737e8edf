#include "core/base/run_context.h"

#include <algorithm>
#include <thread>

#include "core/base/error.h"

namespace qs {

void RunContext::throwIfStopped() const {
  if (stop.stop_requested()) throw Cancelled{};
}

void RunContext::advance(double units) const {
  if (progress != nullptr) progress->advance(units);
}

int RunContext::threadCount() const {
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace qs
