#pragma once

#include <functional>
#include <map>

#include "core/session/model_activations.h"

namespace qs {

/// Statistics for sequential calibration: a layer's inputs are what the model gives with all layers before it
/// quantized, in the block as well ("true sequential"), layers that read the same input at a time. Where the request's
/// method matches the original's outputs, the unquantized model runs beside it for the drift.
class SequentialActivations : public ActivationProvider {
 public:
  /// Throws Error (Input), see loadCalibratedModel.
  SequentialActivations(const Checkpoint& model, const QuantRequest& request);

  [[nodiscard]] std::shared_ptr<const ActivationStats> statsFor(std::span<const std::string> layers, std::size_t inputs,
                                                                const RunContext& context) override;
  [[nodiscard]] std::size_t turnOf(const std::string& layer) const override;
  void layerQuantized(const std::string& layer, const QuantizedTensor& tensor) override;

 private:
  /// The model with the layers that are quantized already: effective weights, inputs quantized where the layer does.
  class PartlyQuantized : public CheckpointWeights {
   public:
    using CheckpointWeights::CheckpointWeights;
    [[nodiscard]] std::shared_ptr<const Matrix> linear(const LinearSpec& linear,
                                                       const RunContext& context) const override;
    [[nodiscard]] bool quantizesInputs(const LinearSpec& linear) const override;
    void quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const override;
    std::map<std::string, QuantizedTensor> layers;  // of blocks that weren't passed yet
  };
  using RowsObserver = std::function<void(MatrixView)>;

  void passUpTo(std::size_t block, const RunContext& context);
  void observe(const TransformerRunner& runner, MatrixView states, std::size_t group, const RunContext& context,
               const RowsObserver& rows) const;
  void addWindows(std::size_t group, std::size_t firstRow, std::size_t rows, ActivationAccumulator& accumulator,
                  const RunContext& context) const;

  CalibratedModel m_model;
  CheckpointWeights m_originalWeights;
  PartlyQuantized m_weights;
  TransformerRunner m_original;
  TransformerRunner m_runner;
  QuantRequest m_request;
  Matrix m_states;          // inputs of block m_block
  Matrix m_originalStates;  // the unquantized model's; empty without drift
  std::size_t m_block = 0;  // blocks passed so far
};

}  // namespace qs
