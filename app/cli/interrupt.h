#pragma once

#include <stop_token>
#include <thread>

namespace qs::cli {

/// Turns SIGINT, SIGTERM and SIGHUP, as far as they aren't ignored already (nohup), into a request to stop; a second
/// signal ends the program at once. One at a time: a
/// signal handler can only reach it through a file-wide variable.
class InterruptWatcher {
 public:
  InterruptWatcher();

  [[nodiscard]] std::stop_token token() const { return m_stop.get_token(); }

 private:
  void watch(const std::stop_token& finished);

  std::stop_source m_stop;
  std::jthread m_thread;
};

}  // namespace qs::cli
