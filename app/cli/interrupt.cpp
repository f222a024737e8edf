#include "app/cli/interrupt.h"

#include <unistd.h>

#include <chrono>
#include <csignal>

#include "app/cli/exit_status.h"

namespace qs::cli {

namespace {

constexpr std::chrono::milliseconds kPeriod{20};

volatile std::sig_atomic_t signalCount = 0;

void countSignal(int) {
  if (signalCount > 0) _exit(kExitInterrupted);
  signalCount = signalCount + 1;
}

// By nohup, or by a shell that put the program in the background.
bool isIgnored(int signal) {
  struct sigaction before {};
  return sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
}

}  // namespace

InterruptWatcher::InterruptWatcher() {
  struct sigaction action {};
  action.sa_handler = countSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    if (!isIgnored(signal)) sigaction(signal, &action, nullptr);
  m_thread = std::jthread([this](const std::stop_token& finished) { watch(finished); });
}

void InterruptWatcher::watch(const std::stop_token& finished) {
  while (!finished.stop_requested() && signalCount == 0) std::this_thread::sleep_for(kPeriod);
  if (signalCount > 0) m_stop.request_stop();
}

}  // namespace qs::cli
