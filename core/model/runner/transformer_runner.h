#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/model/architecture_spec.h"
#include "core/model/runner/block_runner.h"
#include "core/model/runner/weight_provider.h"
#include "core/tensor/matrix.h"

namespace qs {

/// Executes any decoder that an ArchitectureSpec describes, block by block: all windows pass one block before the next
/// block's weights are touched. Weights are F32 while they are needed (half a block at a time where the block's form
/// allows), sums that matter are F64. Results don't depend on the number of threads. `spec` and `weights` must outlive
/// it. All functions throw Cancelled, and Error (Failed) that names the block where a value stops being finite.
class TransformerRunner {
 public:
  TransformerRunner(const ArchitectureSpec& spec, const WeightProvider& weights);

  [[nodiscard]] const ArchitectureSpec& spec() const { return m_spec; }
  [[nodiscard]] const WeightProvider& weights() const { return m_weights; }

  /// Hidden states [ids, hidden] before the first block; windows of `windowLength` ids begin at `firstPosition`.
  [[nodiscard]] Matrix embed(std::span<const int> ids, std::size_t windowLength, std::size_t firstPosition,
                             const RunContext& context) const;

  /// Passes all windows through one block, in place. Progress advances by 1 in all.
  void runBlock(std::size_t block, MatrixSpan states, std::size_t windowLength, const RunContext& context,
                const LinearInputObserver& observer = {}) const;

  /// As runBlock, but the states stay as they are: for calibration that quantizes the block before its outputs are
  /// made.
  void observeBlock(std::size_t block, MatrixView states, std::size_t windowLength, const RunContext& context,
                    const LinearInputObserver& observer) const;

  /// One sequence, continued: `states` are the next positions after those in the cache.
  void runBlockCached(std::size_t block, MatrixSpan states, KvCache& cache, const RunContext& context) const;

  /// What the head reads [rows, head.in]: final norm and output projection. The observer hears the head's group.
  [[nodiscard]] Matrix headInputs(MatrixView states, std::size_t windowLength, const RunContext& context,
                                  const LinearInputObserver& observer = {}) const;

  /// Logits [rows, vocabSize] of head inputs, for a few rows (generation, last positions).
  [[nodiscard]] Matrix logits(MatrixView headInputs, const RunContext& context) const;

  /// embed, all blocks and headInputs in one. Progress advances by 1 a block.
  [[nodiscard]] Matrix run(std::span<const int> ids, std::size_t windowLength, const RunContext& context,
                           const LinearInputObserver& observer = {}) const;

 private:
  [[nodiscard]] BlockContext blockContext(std::size_t block, const RunContext& context,
                                          const LinearInputObserver* observer) const;
  void runAttention(const BlockContext& context, const BlockSpec& block, MatrixSpan states,
                    std::size_t windowLength) const;
  void runMlp(const BlockContext& context, const BlockSpec& block, MatrixSpan states, std::size_t windowLength) const;
  void runWhole(const BlockContext& context, const BlockSpec& block, MatrixSpan states, std::size_t windowLength,
                KvCache* cache) const;
  [[nodiscard]] std::size_t batchRows(std::size_t width, std::size_t windowLength, bool wholeWindows) const;

  const ArchitectureSpec& m_spec;
  const WeightProvider& m_weights;
  std::vector<std::size_t> m_firstGroup;  ///< by block
  std::size_t m_groups = 0;               ///< groups of all blocks; the head's is the next
};

}  // namespace qs
