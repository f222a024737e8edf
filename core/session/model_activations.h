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

/// A model, the groups of its layers, and the text that calibrates them.
struct CalibratedModel {
  ArchitectureSpec spec;
  std::vector<LayerGroup> groups;              ///< in order of execution
  std::map<std::string, std::size_t> groupOf;  ///< by layer
  TokenWindows windows;

  /// The block that a group is in; the number of blocks for the head's.
  [[nodiscard]] std::size_t blockOf(std::size_t group) const;
  /// The group of a layer with that many inputs, or nothing for a layer outside the blocks. Throws Error (Failed) where
  /// the architecture gives it another width.
  [[nodiscard]] std::optional<std::size_t> groupFor(const std::string& layer, std::size_t inputs) const;
};

/// Throws Error (Input): no config.json, unsupported architecture, no tokenizer, a text that can't be read or is too
/// short.
[[nodiscard]] CalibratedModel loadCalibratedModel(const Checkpoint& model, const CalibrationSource& calibration);

/// Statistics from running the unquantized model over a text, block by block, as far as they are asked for.
class ModelActivations : public ActivationProvider {
 public:
  /// Throws Error (Input), see loadCalibratedModel.
  ModelActivations(const Checkpoint& model, const QuantRequest& request);

  [[nodiscard]] std::shared_ptr<const ActivationStats> statsFor(std::span<const std::string> layers, std::size_t inputs,
                                                                const RunContext& context) override;

 private:
  void passUpTo(std::size_t block, const RunContext& context);
  void passBlock(const RunContext& context);

  CalibratedModel m_model;
  std::set<std::size_t> m_wanted;  // groups that the run will ask for
  CheckpointWeights m_weights;
  TransformerRunner m_runner;
  QuantRequest m_request;
  Matrix m_states;                                                        // inputs of block m_block
  std::size_t m_block = 0;                                                // blocks passed so far
  std::map<std::size_t, std::shared_ptr<const ActivationStats>> m_stats;  // of the last block passed
};

}  // namespace qs
