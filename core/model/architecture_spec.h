#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/model/rope.h"

namespace qs {

enum class NormKind {
  Rms,         ///< x / rms(x) · w
  RmsPlusOne,  ///< x / rms(x) · (1 + w): Gemma
  Layer,       ///< (x − mean) / std · w + b
};

/// A normalisation; its tensors are `name`.weight and, for Layer, `name`.bias.
struct NormSpec {
  NormKind kind = NormKind::Rms;
  std::string name;
  std::size_t size = 0;
  double epsilon = 1e-5;
  bool operator==(const NormSpec&) const = default;
};

/// A linear y = x·Wᵀ (+ b). Its tensors are `name`.weight [out, in] ([in, out] when transposed: Conv1D) and
/// `name`.bias.
struct LinearSpec {
  std::string name;  ///< the layer's name everywhere
  std::size_t out = 0;
  std::size_t in = 0;
  bool bias = false;
  bool transposed = false;
  bool operator==(const LinearSpec&) const = default;
};

enum class Activation { Silu, Relu, GeluExact, GeluTanh, QuickGelu };

/// Where q, k and v of a head stand in a row of the attention inputs' product.
enum class QkvLayout {
  Stacked,  ///< all q heads, then all k heads, then all v heads
  PerHead,  ///< q, k, v of head 0, then of head 1 …: GPT-NeoX
};

struct AttentionSpec {
  std::vector<LinearSpec> inputs;  ///< q, k, v, or one fused
  QkvLayout layout = QkvLayout::Stacked;
  LinearSpec output;
  std::optional<NormSpec> queryNorm;  ///< over a head's dimensions, before the rotation
  std::optional<NormSpec> keyNorm;
  double scoreScale = 1.0;
  double softCap = 0;      ///< scores become cap · tanh(score / cap); 0 = none
  std::size_t window = 0;  ///< positions that a query sees, itself included; 0 = all before
  bool operator==(const AttentionSpec&) const = default;
};

struct MlpSpec {
  std::vector<LinearSpec> inputs;  ///< gate and up, both fused (gate first), or the one of a plain MLP
  bool gated = true;               ///< act(gate) · up, else act(up)
  Activation activation = Activation::Silu;
  LinearSpec down;
  bool operator==(const MlpSpec&) const = default;
};

enum class BlockForm {
  PreNorm,   ///< x += attention(norm x); x += mlp(norm x)
  Parallel,  ///< x += attention(norm x) + mlp(norm' x)
  PostNorm,  ///< x = norm(x + attention x); x = norm(x + mlp x): OPT 350m
};

struct BlockSpec {
  std::string name;  ///< e.g. "model.layers.3"
  BlockForm form = BlockForm::PreNorm;
  NormSpec attentionNorm;
  std::optional<NormSpec> mlpNorm;            ///< none: the MLP reads attentionNorm's output (Phi)
  std::optional<NormSpec> postAttentionNorm;  ///< on what attention adds: Gemma 2
  std::optional<NormSpec> postMlpNorm;
  AttentionSpec attention;
  MlpSpec mlp;
  bool operator==(const BlockSpec&) const = default;
};

/// A decoder described as data: all that one runner needs to execute it. Tensor names are full names.
struct ArchitectureSpec {
  std::string modelName;  ///< for messages
  std::string family;     ///< `model_type`
  std::size_t vocabSize = 0;
  std::size_t hiddenSize = 0;
  std::size_t embeddingDim = 0;  ///< width of the embedding table
  std::size_t intermediateSize = 0;
  std::size_t heads = 0;
  std::size_t kvHeads = 0;
  std::size_t headDim = 0;
  std::size_t contextLength = 0;  ///< positions that the model was trained for
  std::string embedding;          ///< tensor [vocabSize, embeddingDim]
  double embeddingScale = 1.0;
  std::optional<LinearSpec> projectIn;   ///< embedding → hidden: OPT 350m
  std::optional<LinearSpec> projectOut;  ///< hidden → head's input
  std::string positionTable;       ///< learned positions [contextLength + positionOffset, hiddenSize]; empty = rotary
  std::size_t positionOffset = 0;  ///< OPT: 2
  std::optional<RopeSpec> rope;
  std::vector<BlockSpec> blocks;
  std::optional<NormSpec> finalNorm;
  LinearSpec head;  ///< tied: its weight is the embedding table
  bool tiedHead = false;
  double finalSoftCap = 0;
  std::optional<int> bosId;  ///< as config.json names them
  std::vector<int> eosIds;
  bool operator==(const ArchitectureSpec&) const = default;
};

/// Every linear of the blocks, in order of execution, then the projections and the head unless it is tied.
[[nodiscard]] std::vector<LinearSpec> allLinears(const ArchitectureSpec& spec);
/// Name of the tensor that holds a linear's weights.
[[nodiscard]] std::string weightName(const ArchitectureSpec& spec, const LinearSpec& linear);

}  // namespace qs
