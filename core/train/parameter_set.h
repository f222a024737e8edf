#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/run_context.h"
#include "core/train/fake_quantizer.h"
#include "core/train/input_sizes.h"
#include "core/train/trained_tensors.h"
#include "core/train/training_model.h"
#include "core/train/training_options.h"

namespace qs {

/// The parameters of a model in training: its quantized linears and its 1-D tensors. Deterministic for any thread
/// count. `model` must outlive it.
class ParameterSet {
 public:
  /// Linears of `start` become fake quantizers around the model's weights; the vectors named are trained too.
  ParameterSet(TrainingModel<float>& model, std::map<std::string, QuantizedTensor> start,
               const std::vector<std::string>& vectors, const TrainingOptions& options, const RunContext& context);

  /// See FakeQuantizer::setInputSizes; layers that are missing learn at the same rate everywhere.
  void setInputSizes(const InputSizes& sizes);
  /// Writes the effective weights into the model.
  void apply(const RunContext& context);
  /// Entries for the gradients that update() wants.
  [[nodiscard]] TensorMap<float>& gradients() { return m_gradients; }
  /// One AdamW step, the `index`th from 0, clipped. Gives the gradient's length before clipping.
  double update(int index, const RunContext& context);

  /// What the parameters stand for now.
  [[nodiscard]] TrainedTensors snapshot(const RunContext& context) const;
  /// Everything that later steps depend on, in a fixed order.
  [[nodiscard]] std::vector<std::vector<float>*> state();

 private:
  struct Vector {
    std::vector<float> value = {}, first = {}, second = {}, unit = {};
  };
  [[nodiscard]] std::vector<float> unitsOf(const std::string& name, std::span<const float> values) const;
  double takeGradients(const RunContext& context);

  TrainingModel<float>& m_model;
  TrainingOptions m_options;
  struct Linear {
    std::string layer;
    std::string weight;
    FakeQuantizer quantizer;
  };
  std::vector<Linear> m_linears;
  std::map<std::string, Vector> m_vectors;
  TensorMap<float> m_gradients;
};

/// The model's linear whose weight is that layer, or null.
[[nodiscard]] const LinearSpec* findLinear(const std::vector<LinearSpec>& linears, const std::string& layer);

}  // namespace qs
