#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/rope.h"
#include "core/tensor/dtype.h"

namespace qs {

/// A config.json in terms that all families share, with each family's defaults filled in.
struct ModelConfig {
  std::string subject;  ///< file, for messages
  std::string modelType;
  std::size_t vocabSize = 0;
  std::size_t hiddenSize = 0;
  std::size_t intermediateSize = 0;
  std::size_t blocks = 0;
  std::size_t heads = 0;
  std::size_t kvHeads = 0;
  std::size_t headDim = 0;
  std::size_t embeddingDim = 0;   ///< hiddenSize but in OPT 350m
  std::size_t contextLength = 0;  ///< positions
  double normEpsilon = 1e-5;
  std::string activation;
  DType computeType = DType::F32;  ///< torch_dtype
  bool tiedEmbeddings = false;
  bool attentionBias = false;  ///< q, k, v
  bool outputBias = false;     ///< o
  bool mlpBias = false;
  bool normBefore = true;         ///< OPT: do_layer_norm_before
  bool parallelResidual = false;  ///< attention and MLP read the same hidden state
  bool finalNorm = true;
  std::optional<RopeConfig> rope;                 ///< none: learned positions
  std::vector<std::size_t> slidingWindows;        ///< [blocks] positions that a query sees; 0 = all
  std::optional<double> queryPreAttentionScalar;  ///< scores are divided by its root instead of the head dimension's
  bool scaleAttention = true;
  bool scaleByInverseBlock = false;  ///< GPT-2: divide block n's scores by n + 1
  double attentionSoftCap = 0;       ///< 0 = none
  double finalSoftCap = 0;
  std::optional<int> bosId;
  std::vector<int> eosIds;

  bool operator==(const ModelConfig&) const = default;
};

/// Families that can be run, as `model_type` names them.
[[nodiscard]] const std::vector<std::string>& supportedModelTypes();

/// Parses and validates a config.json (positive sizes, heads that divide the hidden size, key/value heads that divide
/// heads, no absurd counts). Throws Error (Input) that names the key, or the model type that isn't supported.
[[nodiscard]] ModelConfig parseModelConfig(std::string_view json, const std::string& subject);

}  // namespace qs
