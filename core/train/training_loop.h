#pragma once

#include <functional>
#include <vector>

#include "core/base/run_context.h"
#include "core/train/parameter_set.h"
#include "core/train/training_state.h"
#include "core/train/training_task.h"

namespace qs {

/// Trains parameters on a task: AdamW over its windows, the last tenth of them kept for validation; the parameters with
/// the least validation loss are the result, those at the start among them. The same bits for any thread count, and for
/// a training that was interrupted and resumed.
class TrainingLoop {
 public:
  /// Called after each step, from the driving thread.
  using Observer = std::function<void(const TrainingState& state)>;

  /// `task` and `parameters` must outlive it. Throws Error (Input) for fewer than two windows.
  TrainingLoop(TrainingTask& task, ParameterSet& parameters, const TrainingOptions& options);

  /// Takes up a training where `state` left it. False, and nothing changed, where it doesn't fit.
  bool resume(TrainingState state);
  /// Runs to the last step, or to where the loss is no number or runs away. Progress advances by 1 a step. Throws
  /// Cancelled, after which state() is that of the last whole step.
  void run(const Observer& observer, const RunContext& context);

  /// For a checkpoint: complete, parameters included.
  [[nodiscard]] TrainingState state();
  /// The best so far, with the losses and the end; without parameters.
  [[nodiscard]] const TrainingState& result() const { return m_state; }

 private:
  void validate(const RunContext& context);
  [[nodiscard]] bool validatesAt(int step) const;
  [[nodiscard]] bool stopsAt(double loss);

  TrainingTask& m_task;
  ParameterSet& m_parameters;
  TrainingOptions m_options;
  std::vector<std::size_t> m_validation;
  std::size_t m_trainingWindows = 0;
  TrainingState m_state;
};

/// Windows kept for validation: the last tenth, at least one.
[[nodiscard]] std::size_t validationCount(std::size_t windows);

}  // namespace qs
