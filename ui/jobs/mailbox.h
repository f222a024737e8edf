#pragma once

#include <mutex>
#include <utility>
#include <vector>

namespace qs {

/// Carries partial results from a worker to the UI thread, which empties it when it polls. Thread-safe.
template <typename Item>
class Mailbox {
 public:
  void post(Item item) {
    const std::scoped_lock lock(m_mutex);
    m_items.push_back(std::move(item));
  }

  /// Everything posted since the last call, in order.
  [[nodiscard]] std::vector<Item> take() {
    const std::scoped_lock lock(m_mutex);
    return std::exchange(m_items, {});
  }

 private:
  std::mutex m_mutex;
  std::vector<Item> m_items;
};

}  // namespace qs
