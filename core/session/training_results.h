#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/session/activation_provider.h"
#include "core/session/run_quantization.h"
#include "core/session/training_plan.h"
#include "core/train/training_state.h"

namespace qs {

/// Makes a run's layers of what a training has reached: measured, stored, told to the observer. Everything passed in
/// must outlive it. Throws Error (Failed) where the start or the store can't be used; Cancelled.
class TrainingResults {
 public:
  /// `start`: the store of the run that the training starts from.
  TrainingResults(const Checkpoint& model, const QuantRequest& request, const TrainingPlan& plan, RunStore& store,
                  const RunStore& start, const RunContext& context, const RunObservers& observers);

  /// The layers as the training starts from them.
  [[nodiscard]] std::map<std::string, QuantizedTensor> startOf(const std::vector<const PlannedLayer*>& layers) const;
  /// Stores trained norms and biases, rounded to the types that the model keeps them in.
  void keepVectors(const std::map<std::string, std::vector<float>>& vectors);
  /// Delivers a layer as the best step has it; `sharers` layers were trained with it, it included.
  void deliverTrained(const PlannedLayer& layer, const TrainingState& state, std::size_t sharers);
  /// Delivers a layer that keeps its start; `stopped`: because the training was stopped before its block's turn.
  void deliverUntrained(const PlannedLayer& layer, bool stopped);
  /// Delivers a layer that a store of the same training holds; false where it doesn't.
  bool deliverStored(const PlannedLayer& layer, const RunStore& from);

  [[nodiscard]] bool isDelivered(const PlannedLayer& layer) const;
  [[nodiscard]] const std::vector<LayerReportPtr>& reports() const { return m_reports; }

 private:
  void measure(const PlannedLayer& layer, LayerOutcome outcome, double seconds);
  [[nodiscard]] std::shared_ptr<const ActivationStats> inputsOf(const PlannedLayer& layer);
  [[nodiscard]] std::vector<std::string> notesOf(const TrainingState& state) const;
  void deliver(LayerReport report, const QuantizedTensor& tensor);

  const Checkpoint& m_model;
  const QuantRequest& m_request;
  const TrainingPlan& m_plan;
  RunStore& m_store;
  const RunStore& m_start;
  const RunContext& m_context;
  const RunObservers& m_observers;
  std::unique_ptr<ActivationProvider> m_provider;
  const RunGroup* m_inputsGroup = nullptr;
  std::shared_ptr<const ActivationStats> m_inputs;  ///< of m_inputsGroup
  std::vector<LayerReportPtr> m_reports;
};

/// The curves of a training, ready to draw.
[[nodiscard]] std::vector<MethodCurve> trainingCurves(const TrainingPlan& plan, const TrainingCurves& curves);

/// Why a run's training ended before its last step, and what is kept; empty where it didn't.
[[nodiscard]] std::string trainingEndedEarly(const QuantReport& report);

}  // namespace qs
