#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/base/run_context.h"
#include "core/model/runner/token_windows.h"
#include "core/model/runner/transformer_runner.h"
#include "core/train/parameter_set.h"
#include "core/train/training_state.h"

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

/// What a training tells while it runs.
struct TrainingProgress {
  const TrainingState& state;
  double secondsPerStep = 0;
};

/// Trains a whole model behind its quantization: AdamW on the loss of `windows`, the last tenth of them kept for
/// validation; the parameters with the least validation loss are the result, those at the start among them. The same
/// bits for any thread count, and for a training that was interrupted and resumed.
class ModelTrainer {
 public:
  /// Called after each step, from the driving thread.
  using Observer = std::function<void(const TrainingProgress&)>;

  /// `start` holds a quantized tensor for each layer to train; `vectors` names the 1-D tensors to train. `model` is the
  /// unquantized one in memory. Throws Error (Input) for fewer than two windows.
  ModelTrainer(TrainingModel<float> model, std::map<std::string, QuantizedTensor> start,
               const std::vector<std::string>& vectors, const TokenWindows& windows, Teacher& teacher,
               const TrainingOptions& options, const RunContext& context);

  /// Takes up a training where `state` left it. False, and nothing changed, where it doesn't fit.
  bool resume(TrainingState state);
  /// Runs to the last step, or to where the loss is no number or runs away. Progress advances by 1 a step. Throws
  /// Cancelled, after which state() is that of the last whole step.
  void run(const Observer& observer, const RunContext& context);

  /// For a checkpoint: complete, parameters included.
  [[nodiscard]] TrainingState state();
  /// The best so far, with the losses and the end; without parameters.
  [[nodiscard]] const TrainingState& result() const { return m_state; }
  [[nodiscard]] std::size_t validationWindows() const { return m_validation.size(); }

 private:
  double takeStep(const RunContext& context);
  void validate(const RunContext& context);
  [[nodiscard]] bool validatesAt(int step) const;
  [[nodiscard]] bool stopsAt(double loss);

  TrainingModel<float> m_model;
  const TokenWindows& m_windows;
  Teacher& m_teacher;
  TrainingOptions m_options;
  ParameterSet m_parameters;
  std::vector<std::size_t> m_validation;
  std::size_t m_trainingWindows = 0;
  TrainingState m_state;
};

/// Windows kept for validation: the last tenth, at least one.
[[nodiscard]] std::size_t validationCount(std::size_t windows);

}  // namespace qs
