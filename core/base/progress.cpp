#include "core/base/progress.h"

#include <algorithm>
#include <utility>

namespace qs {

void Progress::beginStage(std::string stage, std::string unit, double total, double doneBefore) {
  const std::lock_guard lock(m_mutex);
  m_state = {.stage = std::move(stage), .unit = std::move(unit), .done = doneBefore, .total = total};
  m_doneBefore = doneBefore;
  m_start = std::chrono::steady_clock::now();
}

void Progress::setItem(std::string item) {
  const std::lock_guard lock(m_mutex);
  m_state.item = std::move(item);
}

void Progress::advance(double units) {
  const std::lock_guard lock(m_mutex);
  m_state.done = m_state.total > 0 ? std::min(m_state.done + units, m_state.total) : m_state.done + units;
}

ProgressSnapshot Progress::snapshot() const {
  const std::lock_guard lock(m_mutex);
  ProgressSnapshot copy = m_state;
  copy.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - m_start).count();
  const double fresh = copy.done - m_doneBefore;
  if (copy.total > 0 && fresh > 0) copy.remainingSeconds = copy.seconds * (copy.total - copy.done) / fresh;
  return copy;
}

}  // namespace qs
