#include "app/cli/interrupt.h"

#include <unistd.h>

#include <ctime>

#include "app/cli/exit_status.h"

namespace qs::cli {

InterruptWatcher::InterruptWatcher() {
  sigemptyset(&m_signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&m_signals, signal);
  pthread_sigmask(SIG_BLOCK, &m_signals, nullptr);
  m_thread = std::jthread([this](const std::stop_token& finished) { watch(finished); });
}

void InterruptWatcher::watch(const std::stop_token& finished) {
  constexpr timespec kPatience{0, 50'000'000};  // how long the program's end may wait for this thread
  while (!finished.stop_requested()) {
    if (sigtimedwait(&m_signals, nullptr, &kPatience) < 0) continue;
    if (m_stop.stop_requested()) _exit(kExitInterrupted);
    m_stop.request_stop();
  }
}

}  // namespace qs::cli
