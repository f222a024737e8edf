#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/base/progress.h"

namespace qs::cli {

/// Shows a job's progress on standard error while it lives: a bar with the remaining time on a terminal; plain lines,
/// one a second at most, where `plainLines` asks for them; else nothing.
class ProgressBar {
 public:
  ProgressBar(const Progress& progress, bool plainLines);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ProgressBar(ProgressBar&&) = delete;
  ProgressBar& operator=(ProgressBar&&) = delete;

 private:
  void run();
  void show();

  const Progress& m_progress;
  bool m_isTerminal;
  std::string m_lastLine;
  std::mutex m_mutex;
  std::condition_variable m_wake;
  bool m_finished = false;
  std::thread m_thread;
};

}  // namespace qs::cli
