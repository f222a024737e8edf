#pragma once

#include <map>
#include <set>

#include "core/io/checkpoint.h"
#include "core/model/layer_groups.h"
#include "core/model/runner/checkpoint_weights.h"
#include "core/model/runner/token_windows.h"
#include "core/model/runner/transformer_runner.h"
#include "core/session/activation_provider.h"
#include "core/stats/activation_accumulator.h"

namespace qs {

/// Tokens that calibrate where the request names no number of windows.
inline constexpr std::size_t kCalibrationTokens = 32'768;

/// Statistics from running the model over a text, block by block, as far as they are asked for. In sequential
/// calibration a block reads the outputs of the quantized blocks before it.
class ModelActivations : public ActivationProvider {
 public:
  /// Throws Error (Input): no config.json, unsupported architecture, no tokenizer, a text that can't be read or is too
  /// short.
  ModelActivations(const Checkpoint& model, const QuantRequest& request);

  [[nodiscard]] std::shared_ptr<const ActivationStats> statsFor(std::span<const std::string> layers, std::size_t inputs,
                                                                const RunContext& context) override;
  void layerQuantized(const std::string& layer, const QuantizedTensor& tensor) override;
  [[nodiscard]] bool mayReadAhead() const override { return !m_sequential; }

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

  void observeBlockOf(std::size_t group, const RunContext& context);
  void passBlock(std::size_t block, const RunContext& context);
  void leaveBlock(const RunContext& context);
  [[nodiscard]] std::size_t blockOf(std::size_t group) const;

  ArchitectureSpec m_spec;
  std::vector<LayerGroup> m_groups;
  std::map<std::string, std::size_t> m_groupOf;  // by layer
  std::set<std::size_t> m_wanted;                // groups that the run will ask for
  PartlyQuantized m_weights;
  TransformerRunner m_runner;
  TokenWindows m_windows;
  QuantRequest m_request;
  bool m_sequential;
  Matrix m_states;          // inputs of block m_block
  std::size_t m_block = 0;  // blocks passed so far
  bool m_observed = false;  // sequential: m_block was observed, not passed
  std::map<std::size_t, std::shared_ptr<const ActivationStats>> m_stats;  // of the last observed block
};

}  // namespace qs
