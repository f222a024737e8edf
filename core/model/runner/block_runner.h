#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/model/layer_groups.h"
#include "core/model/runner/linear_product.h"
#include "core/model/runner/rope_table.h"
#include "core/model/runner/vector_math.h"
#include "core/model/runner/weight_provider.h"

namespace qs {

/// Told the inputs of a group of linears [rows, in] before they are multiplied (and before they are quantized): rows of
/// one window, or a part of one, in the order of the text. `group` is the position in layerGroups(). Called by the
/// driving thread, never two at a time.
using LinearInputObserver = std::function<void(std::size_t group, MatrixView rows)>;

/// Keys and values of the positions that a sequence has passed so far, for one block.
struct KvCache {
  Matrix keys;    ///< [capacity, kvHeads · headDim]
  Matrix values;  ///< as keys
  std::size_t length = 0;
};

/// What a block needs to know besides its weights.
struct BlockContext {
  const ArchitectureSpec& spec;
  const WeightProvider& weights;
  const RunContext& run;
  const LinearInputObserver* observer = nullptr;  ///< null = nobody listens
  std::size_t firstGroup = 0;                     ///< index of the block's first group
};

/// The attention half of a block with its weights in memory.
class AttentionHalf {
 public:
  AttentionHalf(const BlockSpec& block, const BlockContext& context);
  /// What attention adds to the residual, for whole windows of `windowLength` normalized rows [rows, hidden]. With a
  /// cache there is one window, which continues the cached positions.
  [[nodiscard]] Matrix run(MatrixView normed, std::size_t windowLength, KvCache* cache) const;

 private:
  [[nodiscard]] Matrix project(MatrixView normed) const;
  void rotate(MatrixSpan qkv, std::size_t windowLength, std::size_t firstPosition) const;
  void placeHead(std::span<float> head, const std::optional<NormWeights>& norm, const std::optional<RopeTable>& table,
                 std::size_t index) const;
  [[nodiscard]] Matrix attend(MatrixView qkv, std::size_t windowLength) const;
  [[nodiscard]] Matrix attendCached(MatrixView qkv, KvCache& cache) const;
  [[nodiscard]] std::size_t queryOffset(std::size_t head) const;
  [[nodiscard]] std::size_t keyOffset(std::size_t kvHead) const;
  [[nodiscard]] std::size_t valueOffset(std::size_t kvHead) const;

  const BlockSpec& m_block;
  BlockContext m_context;
  std::vector<LoadedLinear> m_inputs;
  LoadedLinear m_output;
  std::optional<NormWeights> m_queryNorm;
  std::optional<NormWeights> m_keyNorm;
};

/// The MLP half of a block with its weights in memory.
class MlpHalf {
 public:
  MlpHalf(const BlockSpec& block, const BlockContext& context);
  /// What the MLP adds to the residual.
  [[nodiscard]] Matrix run(MatrixView normed, std::size_t windowLength) const;

 private:
  const BlockSpec& m_block;
  BlockContext m_context;
  std::vector<LoadedLinear> m_inputs;
  LoadedLinear m_down;
};

[[nodiscard]] NormWeights loadNorm(const NormSpec& spec, const WeightProvider& weights);
/// Every row normalized.
[[nodiscard]] Matrix normalizedRows(const NormWeights& norm, MatrixView in, const RunContext& context);
/// Tells the observer, window by window.
void observe(const BlockContext& context, std::size_t groupOfBlock, MatrixView rows, std::size_t windowLength);

}  // namespace qs
