#include "core/model/runner/transformer_runner.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/finite.h"
#include "core/model/layer_groups.h"

namespace qs {

namespace {

// Intermediate results of the windows at work together stay below this (one window at least).
constexpr std::size_t kBatchBytes = std::size_t{32} << 20U;
constexpr std::size_t kVocabularyTile = 4096;

void addRows(MatrixView more, MatrixSpan states, const RunContext& context) {
  forRowTiles(states.rows, states.cols, context, [&](std::size_t first, std::size_t count) {
    const MatrixView from = more.middleRows(first, count);
    const MatrixSpan to = states.middleRows(first, count);
    for (std::size_t i = 0; i < to.values().size(); ++i) to.data[i] += from.data[i];
  });
}

void requireFiniteStates(const std::string& model, const std::string& where, MatrixView states,
                         const RunContext& context) {
  forRowTiles(states.rows, states.cols, context, [&](std::size_t first, std::size_t count) {
    if (findNonFinite(states.middleRows(first, count).values()))
      throw failedError(model, "the forward pass gave NaN or infinity in " + where);
  });
}

void normalizeInPlace(const std::optional<NormSpec>& norm, MatrixSpan rows, const BlockContext& context) {
  if (!norm) return;
  const NormWeights weights = loadNorm(*norm, context.weights);
  forRowTiles(rows.rows, rows.cols * 2, context.run, [&](std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) normalize(weights, rows.row(r), rows.row(r));
  });
}

/// Calls `body` for consecutive batches of rows.
template <typename Body>
void forBatches(MatrixSpan states, std::size_t perBatch, const Body& body) {
  for (std::size_t first = 0; first < states.rows; first += perBatch)
    body(states.middleRows(first, std::min(perBatch, states.rows - first)));
}

double share(const MatrixSpan& part, const MatrixSpan& all) {
  return static_cast<double>(part.rows) / static_cast<double>(all.rows);
}

}  // namespace

TransformerRunner::TransformerRunner(const ArchitectureSpec& spec, const WeightProvider& weights)
    : m_spec(spec), m_weights(weights), m_firstGroup(spec.blocks.size()) {
  const std::vector<LayerGroup> groups = layerGroups(spec);
  for (std::size_t i = groups.size(); i-- > 0;)
    if (groups[i].block != LayerGroup::kNoBlock) m_firstGroup[groups[i].block] = i;
  m_groups = static_cast<std::size_t>(std::count_if(
      groups.begin(), groups.end(), [](const LayerGroup& group) { return group.block != LayerGroup::kNoBlock; }));
}

Matrix TransformerRunner::embed(std::span<const int> ids, std::size_t windowLength, std::size_t firstPosition,
                                const RunContext& context) const {
  Matrix table(ids.size(), m_spec.embeddingDim);
  const auto scale = static_cast<float>(m_spec.embeddingScale);
  forRowTiles(ids.size(), m_spec.embeddingDim * 16, context, [&](std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) {
      m_weights.tableRow(m_spec.embedding, static_cast<std::size_t>(ids[r]), table.row(r));
      for (float& value : table.row(r)) value *= scale;
    }
  });
  Matrix states = std::move(table);
  if (m_spec.projectIn) {
    Matrix projected(ids.size(), m_spec.hiddenSize);
    multiplyLinear(loadLinear(*m_spec.projectIn, m_weights, context), states.view(),
                   {projected.values().data(), projected.rows(), projected.cols(), projected.cols()}, m_weights,
                   context);
    states = std::move(projected);
  }
  if (m_spec.positionTable.empty()) return states;
  forRowTiles(ids.size(), m_spec.hiddenSize * 16, context, [&](std::size_t first, std::size_t count) {
    std::vector<float> position(m_spec.hiddenSize);
    for (std::size_t r = first; r < first + count; ++r) {
      m_weights.tableRow(m_spec.positionTable, firstPosition + r % windowLength + m_spec.positionOffset, position);
      for (std::size_t c = 0; c < position.size(); ++c) states(r, c) += position[c];
    }
  });
  return states;
}

BlockContext TransformerRunner::blockContext(std::size_t block, const RunContext& context,
                                             const LinearInputObserver* observer) const {
  return {
      .spec = m_spec, .weights = m_weights, .run = context, .observer = observer, .firstGroup = m_firstGroup.at(block)};
}

std::size_t TransformerRunner::batchRows(std::size_t width, std::size_t windowLength, bool wholeWindows) const {
  const std::size_t rows = std::max<std::size_t>(256, kBatchBytes / (width * sizeof(float)));
  if (rows >= windowLength) return rows / windowLength * windowLength;
  return wholeWindows ? windowLength : rows / 256 * 256;
}

void TransformerRunner::runAttention(const BlockContext& context, const BlockSpec& block, MatrixSpan states,
                                     std::size_t windowLength) const {
  const AttentionHalf attention(block, context);
  const bool normAfter = block.form == BlockForm::PostNorm;
  const NormWeights norm = loadNorm(block.attentionNorm, m_weights);
  const std::size_t width = 2 * m_spec.hiddenSize + (2 * m_spec.heads + 2 * m_spec.kvHeads) * m_spec.headDim;
  forBatches(states, batchRows(width, windowLength, true), [&](MatrixSpan batch) {
    const Matrix normed = normAfter ? Matrix(batch.rows, batch.cols, {batch.values().begin(), batch.values().end()})
                                    : normalizedRows(norm, batch, context.run);
    Matrix added = attention.run(normed.view(), windowLength, nullptr);
    normalizeInPlace(block.postAttentionNorm, added.span(), context);
    addRows(added.view(), batch, context.run);
    if (normAfter) normalizeInPlace(block.attentionNorm, batch, context);
    context.run.advance(0.5 * share(batch, states));
  });
}

void TransformerRunner::runMlp(const BlockContext& context, const BlockSpec& block, MatrixSpan states,
                               std::size_t windowLength) const {
  const MlpHalf mlp(block, context);
  const bool normAfter = block.form == BlockForm::PostNorm;
  const NormWeights norm = loadNorm(*block.mlpNorm, m_weights);
  const std::size_t width = 2 * m_spec.hiddenSize + 3 * m_spec.intermediateSize;
  forBatches(states, batchRows(width, windowLength, false), [&](MatrixSpan batch) {
    const Matrix normed = normAfter ? Matrix(batch.rows, batch.cols, {batch.values().begin(), batch.values().end()})
                                    : normalizedRows(norm, batch, context.run);
    Matrix added = mlp.run(normed.view(), windowLength);
    normalizeInPlace(block.postMlpNorm, added.span(), context);
    addRows(added.view(), batch, context.run);
    if (normAfter) normalizeInPlace(block.mlpNorm, batch, context);
    context.run.advance(0.5 * share(batch, states));
  });
}

void TransformerRunner::runWhole(const BlockContext& context, const BlockSpec& block, MatrixSpan states,
                                 std::size_t windowLength, KvCache* cache) const {
  const AttentionHalf attention(block, context);
  const MlpHalf mlp(block, context);
  const NormWeights attentionNorm = loadNorm(block.attentionNorm, m_weights);
  const NormWeights mlpNorm = block.mlpNorm ? loadNorm(*block.mlpNorm, m_weights) : attentionNorm;
  const bool normAfter = block.form == BlockForm::PostNorm;
  const auto half = [&](const NormWeights& norm, MatrixSpan in, const auto& run) {
    return normAfter ? run(MatrixView(in)) : run(normalizedRows(norm, in, context.run).view());
  };
  const std::size_t width =
      3 * m_spec.hiddenSize + (2 * m_spec.heads + 2 * m_spec.kvHeads) * m_spec.headDim + 3 * m_spec.intermediateSize;
  forBatches(states, batchRows(width, windowLength, true), [&](MatrixSpan batch) {
    Matrix added =
        half(attentionNorm, batch, [&](MatrixView rows) { return attention.run(rows, windowLength, cache); });
    normalizeInPlace(block.postAttentionNorm, added.span(), context);
    if (block.form != BlockForm::Parallel) {
      addRows(added.view(), batch, context.run);
      if (normAfter) normalizeInPlace(block.attentionNorm, batch, context);
    }
    Matrix more = half(mlpNorm, batch, [&](MatrixView rows) { return mlp.run(rows, windowLength); });
    normalizeInPlace(block.postMlpNorm, more.span(), context);
    if (block.form == BlockForm::Parallel) addRows(added.view(), batch, context.run);
    addRows(more.view(), batch, context.run);
    if (normAfter) normalizeInPlace(block.mlpNorm, batch, context);
    context.run.advance(share(batch, states));
  });
}

void TransformerRunner::runBlock(std::size_t block, MatrixSpan states, std::size_t windowLength,
                                 const RunContext& context, const LinearInputObserver& observer) const {
  const BlockSpec& spec = m_spec.blocks.at(block);
  const BlockContext inner = blockContext(block, context, &observer);
  if (spec.form == BlockForm::Parallel) {
    runWhole(inner, spec, states, windowLength, nullptr);
  } else {
    runAttention(inner, spec, states, windowLength);
    runMlp(inner, spec, states, windowLength);
  }
  requireFiniteStates(m_spec.modelName, "block " + std::to_string(block) + " (" + spec.name + ")", states, context);
}

void TransformerRunner::observeBlock(std::size_t block, MatrixView states, std::size_t windowLength,
                                     const RunContext& context, const LinearInputObserver& observer) const {
  Matrix copy(states.rows, states.cols, {states.values().begin(), states.values().end()});
  runBlock(block, copy.span(), windowLength, context, observer);
}

void TransformerRunner::runBlockCached(std::size_t block, MatrixSpan states, KvCache& cache,
                                       const RunContext& context) const {
  const BlockSpec& spec = m_spec.blocks.at(block);
  runWhole(blockContext(block, context, nullptr), spec, states, states.rows, &cache);
  requireFiniteStates(m_spec.modelName, "block " + std::to_string(block) + " (" + spec.name + ")", states, context);
}

Matrix TransformerRunner::headInputs(MatrixView states, std::size_t windowLength, const RunContext& context,
                                     const LinearInputObserver& observer) const {
  Matrix rows(states.rows, states.cols, {states.values().begin(), states.values().end()});
  BlockContext inner{.spec = m_spec, .weights = m_weights, .run = context, .observer = &observer};
  inner.firstGroup = m_groups;
  normalizeInPlace(m_spec.finalNorm, rows.span(), inner);
  if (m_spec.projectOut) {
    Matrix projected(rows.rows(), m_spec.projectOut->out);
    multiplyLinear(loadLinear(*m_spec.projectOut, m_weights, context), rows.view(),
                   {projected.values().data(), projected.rows(), projected.cols(), projected.cols()}, m_weights,
                   context);
    rows = std::move(projected);
  }
  requireFiniteStates(m_spec.modelName, "the final norm", rows.view(), context);
  if (!m_spec.tiedHead) observe(inner, 0, rows.view(), windowLength);
  return rows;
}

Matrix TransformerRunner::logits(MatrixView headInputs, const RunContext& context) const {
  Matrix result(headInputs.rows, m_spec.vocabSize);
  const std::vector<float> bias =
      m_spec.head.bias ? m_weights.vector(m_spec.head.name + ".bias") : std::vector<float>{};
  const std::size_t tiles = (m_spec.vocabSize + kVocabularyTile - 1) / kVocabularyTile;
  parallelFor(context, tiles, [&](std::size_t tile) {
    const std::size_t first = tile * kVocabularyTile;
    Matrix weights(std::min(kVocabularyTile, m_spec.vocabSize - first), headInputs.cols);
    m_weights.headRows(first, weights.span());
    const Block<float> out{result.values().data() + first, result.rows(), weights.rows(), result.cols()};
    multiplyTransposed({headInputs.data, headInputs.rows, headInputs.cols, headInputs.cols},
                       {weights.values().data(), weights.rows(), weights.cols(), weights.cols()}, out);
    for (std::size_t r = 0; r < out.rows; ++r)
      for (std::size_t c = 0; c < out.cols && !bias.empty(); ++c) out.data[r * out.stride + c] += bias[first + c];
  });
  if (m_spec.finalSoftCap > 0) softCap(m_spec.finalSoftCap, result.values());
  return result;
}

Matrix TransformerRunner::run(std::span<const int> ids, std::size_t windowLength, const RunContext& context,
                              const LinearInputObserver& observer) const {
  Matrix states = embed(ids, windowLength, 0, context);
  for (std::size_t i = 0; i < m_spec.blocks.size(); ++i) runBlock(i, states.span(), windowLength, context, observer);
  return headInputs(states.view(), windowLength, context, observer);
}

}  // namespace qs
