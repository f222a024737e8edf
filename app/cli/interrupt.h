#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace qs::cli {

/// Turns SIGINT, SIGTERM and SIGHUP into a request to stop. Made by main() before any other thread, so that every
/// thread inherits the blocked signals. A second signal ends the program at once.
class InterruptWatcher {
 public:
  InterruptWatcher();

  [[nodiscard]] std::stop_token token() const { return m_stop.get_token(); }

 private:
  void watch(const std::stop_token& finished);

  sigset_t m_signals{};
  std::stop_source m_stop;
  std::jthread m_thread;
};

}  // namespace qs::cli
