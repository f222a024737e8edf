#include "app/cli/progress_bar.h"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <iostream>
#include <string>

namespace qs::cli {

namespace {

constexpr int kBarWidth = 28;
constexpr std::chrono::milliseconds kTerminalPeriod{100};
constexpr std::chrono::milliseconds kPlainPeriod{1000};

std::string durationText(double seconds) {
  const auto whole = static_cast<long>(std::ceil(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
}

std::string countsText(const ProgressSnapshot& state) {
  const auto done = static_cast<long>(state.done + 1e-6);
  std::string text = std::to_string(done);
  if (state.total > 0) text += " of " + std::to_string(std::lround(state.total));
  text += " " + state.unit;
  if (state.remainingSeconds && done < static_cast<long>(state.total))
    text += ", about " + durationText(*state.remainingSeconds);
  return text;
}

std::string barText(const ProgressSnapshot& state) {
  const double fraction = state.total > 0 ? state.done / state.total : 0.0;
  const int filled = static_cast<int>(fraction * kBarWidth);
  std::string bar = state.stage + " [";
  for (int i = 0; i < kBarWidth; ++i) bar += i < filled ? '=' : ' ';
  return bar + "] " + countsText(state);
}

}  // namespace

ProgressBar::ProgressBar(const Progress& progress, bool plainLines)
    : m_progress(progress), m_isTerminal(isatty(STDERR_FILENO) == 1) {
  if (m_isTerminal || plainLines) m_thread = std::thread([this] { run(); });
}

ProgressBar::~ProgressBar() {
  if (!m_thread.joinable()) return;
  {
    const std::lock_guard lock(m_mutex);
    m_finished = true;
  }
  m_wake.notify_all();
  m_thread.join();
  show();
  if (m_isTerminal) std::cerr << "\r\033[K" << std::flush;
}

void ProgressBar::run() {
  std::unique_lock lock(m_mutex);
  while (!m_wake.wait_for(lock, m_isTerminal ? kTerminalPeriod : kPlainPeriod, [this] { return m_finished; })) show();
}

void ProgressBar::show() {
  const ProgressSnapshot state = m_progress.snapshot();
  if (state.stage.empty()) return;
  if (m_isTerminal) {
    std::cerr << '\r' << barText(state) << "\033[K" << std::flush;
    return;
  }
  const std::string line = state.stage + ": " + countsText(state);
  if (line != m_lastLine) std::cerr << line << std::endl;
  m_lastLine = line;
}

}  // namespace qs::cli
