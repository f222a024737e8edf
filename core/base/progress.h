#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace qs {

/// A copy of a job's progress at one moment.
struct ProgressSnapshot {
  std::string stage;                       ///< what is being done, e.g. "Quantizing"
  std::string unit;                        ///< what is counted, plural, e.g. "layers"
  std::string item;                        ///< the item at work, e.g. a layer's name; may be empty
  double done = 0;                         ///< finished units, with the fraction of the one at work
  double total = 0;                        ///< 0 while unknown
  double seconds = 0;                      ///< since the stage began
  std::optional<double> remainingSeconds;  ///< estimate; absent until there is a basis for it
};

/// Progress of one job: written by the workers, polled by whoever shows it. Thread-safe; never a signal per tile.
class Progress {
 public:
  /// Begins a stage of `total` units. `doneBefore` units cost no time (resumed work) and don't count for the estimate.
  void beginStage(std::string stage, std::string unit, double total, double doneBefore = 0);
  void setItem(std::string item);
  /// Adds finished units; fractions are fine.
  void advance(double units);
  [[nodiscard]] ProgressSnapshot snapshot() const;

 private:
  mutable std::mutex m_mutex;
  ProgressSnapshot m_state;
  double m_doneBefore = 0;
  std::chrono::steady_clock::time_point m_start = std::chrono::steady_clock::now();
};

}  // namespace qs
