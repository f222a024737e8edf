#include <algorithm>
#include <utility>

#include "core/base/parallel.h"
#include "core/model/runner/attention_head.h"
#include "core/model/runner/block_runner.h"
#include "core/model/runner/qkv_offsets.h"

namespace qs {

AttentionHalf::AttentionHalf(const BlockSpec& block, const BlockContext& context) : m_block(block), m_context(context) {
  for (const LinearSpec& linear : block.attention.inputs)
    m_inputs.push_back(loadLinear(linear, context.weights, context.run));
  m_output = loadLinear(block.attention.output, context.weights, context.run);
  if (block.attention.queryNorm) m_queryNorm = loadNorm(*block.attention.queryNorm, context.weights);
  if (block.attention.keyNorm) m_keyNorm = loadNorm(*block.attention.keyNorm, context.weights);
}

std::size_t AttentionHalf::queryOffset(std::size_t head) const {
  return qs::queryOffset(m_context.spec, m_block.attention.layout, head);
}

std::size_t AttentionHalf::keyOffset(std::size_t kvHead) const {
  return qs::keyOffset(m_context.spec, m_block.attention.layout, kvHead);
}

std::size_t AttentionHalf::valueOffset(std::size_t kvHead) const {
  return qs::valueOffset(m_context.spec, m_block.attention.layout, kvHead);
}

Matrix AttentionHalf::project(MatrixView normed) const {
  std::size_t width = 0;
  for (const LoadedLinear& linear : m_inputs) width += linear.spec.out;
  Matrix qkv = Matrix::unset(normed.rows, width);
  std::size_t offset = 0;
  for (const LoadedLinear& linear : m_inputs) {
    multiplyLinear(linear, normed, {qkv.values().data() + offset, normed.rows, linear.spec.out, width},
                   m_context.weights, m_context.run);
    offset += linear.spec.out;
  }
  return qkv;
}

void AttentionHalf::placeHead(std::span<float> head, const std::optional<NormWeights>& norm,
                              const std::optional<RopeTable>& table, std::size_t index) const {
  if (norm) normalize(*norm, head, head);
  if (table) table->rotate(index, head);
}

void AttentionHalf::rotate(MatrixSpan qkv, std::size_t windowLength, std::size_t firstPosition) const {
  const ArchitectureSpec& spec = m_context.spec;
  std::optional<RopeTable> table;
  if (spec.rope) table.emplace(*spec.rope, firstPosition, windowLength, firstPosition + windowLength);
  if (!table && !m_queryNorm && !m_keyNorm) return;
  forRowTiles(qkv.rows, qkv.cols * 2, m_context.run, [&](std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) {
      const std::span<float> row = qkv.row(r);
      const std::size_t index = r % windowLength;
      for (std::size_t h = 0; h < spec.heads; ++h)
        placeHead(row.subspan(queryOffset(h), spec.headDim), m_queryNorm, table, index);
      for (std::size_t h = 0; h < spec.kvHeads; ++h)
        placeHead(row.subspan(keyOffset(h), spec.headDim), m_keyNorm, table, index);
    }
  });
}

Matrix AttentionHalf::attend(MatrixView qkv, std::size_t windowLength) const {
  const ArchitectureSpec& spec = m_context.spec;
  Matrix mixed(qkv.rows, spec.heads * spec.headDim);
  const std::size_t perKvHead = spec.heads / spec.kvHeads;
  parallelFor(m_context.run, qkv.rows / windowLength * spec.heads, [&](std::size_t task) {
    const std::size_t head = task % spec.heads;
    const std::size_t firstRow = task / spec.heads * windowLength;
    const float* rows = qkv.data + firstRow * qkv.cols;
    attendHead(m_block.attention, spec.headDim, {rows + queryOffset(head), qkv.cols},
               {rows + keyOffset(head / perKvHead), qkv.cols}, {rows + valueOffset(head / perKvHead), qkv.cols}, 0,
               windowLength, mixed.row(firstRow).data() + head * spec.headDim, mixed.cols());
  });
  return mixed;
}

Matrix AttentionHalf::attendCached(MatrixView qkv, KvCache& cache) const {
  const ArchitectureSpec& spec = m_context.spec;
  const std::size_t dim = spec.headDim;
  for (std::size_t r = 0; r < qkv.rows; ++r) {
    for (std::size_t h = 0; h < spec.kvHeads; ++h) {
      const float* row = qkv.data + r * qkv.cols;
      std::copy_n(row + keyOffset(h), dim, cache.keys.row(cache.length + r).data() + h * dim);
      std::copy_n(row + valueOffset(h), dim, cache.values.row(cache.length + r).data() + h * dim);
    }
  }
  Matrix mixed(qkv.rows, spec.heads * dim);
  parallelFor(m_context.run, spec.heads, [&](std::size_t head) {
    const std::size_t kvHead = head / (spec.heads / spec.kvHeads);
    attendHead(m_block.attention, dim, {qkv.data + queryOffset(head), qkv.cols},
               {cache.keys.values().data() + kvHead * dim, cache.keys.cols()},
               {cache.values.values().data() + kvHead * dim, cache.values.cols()}, cache.length, qkv.rows,
               mixed.values().data() + head * dim, mixed.cols());
  });
  cache.length += qkv.rows;
  return mixed;
}

Matrix AttentionHalf::run(MatrixView normed, std::size_t windowLength, KvCache* cache) const {
  observe(m_context, 0, normed, windowLength);
  Matrix qkv = project(normed);
  rotate(qkv.span(), windowLength, cache == nullptr ? 0 : cache->length);
  const Matrix mixed = cache == nullptr ? attend(qkv.view(), windowLength) : attendCached(qkv.view(), *cache);
  observe(m_context, 1, mixed.view(), windowLength);
  Matrix result = Matrix::unset(normed.rows, m_output.spec.out);
  multiplyLinear(m_output, mixed.view(), {result.values().data(), result.rows(), result.cols(), result.cols()},
                 m_context.weights, m_context.run);
  return result;
}

}  // namespace qs
