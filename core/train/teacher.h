#pragma once

#include <map>
#include <span>

#include "core/model/runner/token_windows.h"
#include "core/model/runner/transformer_runner.h"
#include "core/train/training_model.h"

namespace qs {

/// The unquantized model's part of the loss: what its head reads, kept a window at a time while it fits.
class Teacher {
 public:
  /// Everything passed in must outlive it.
  Teacher(const ArchitectureSpec& spec, const WeightProvider& weights, const TokenWindows& windows,
          std::size_t keepBytes, const RunContext& context);
  /// Head inputs of those windows, one after the other.
  [[nodiscard]] RealMatrix<float> inputsOf(std::span<const std::size_t> windows, const RunContext& context);
  /// Its head, in memory.
  [[nodiscard]] const TrainingModel<float>& head() const { return m_head; }

 private:
  const TokenWindows& m_windows;
  TransformerRunner m_runner;
  TrainingModel<float> m_head;
  std::size_t m_room;
  std::map<std::size_t, Matrix> m_kept;
};

/// The ids and targets of some windows, one after the other.
struct GatheredWindows {
  std::vector<int> ids;
  std::vector<int> targets;
};
[[nodiscard]] GatheredWindows gatherWindows(const TokenWindows& windows, std::span<const std::size_t> chosen);

}  // namespace qs
