#include <algorithm>

#include "core/model/runner/block_runner.h"

namespace qs {

MlpHalf::MlpHalf(const BlockSpec& block, const BlockContext& context) : m_block(block), m_context(context) {
  for (const LinearSpec& linear : block.mlp.inputs)
    m_inputs.push_back(loadLinear(linear, context.weights, context.run));
  m_down = loadLinear(block.mlp.down, context.weights, context.run);
}

Matrix MlpHalf::run(MatrixView normed, std::size_t windowLength) const {
  // A block whose MLP has no norm of its own reads the attention's input: one group, which attention has told.
  const std::size_t outputGroup = m_block.mlpNorm ? 3 : 2;
  if (m_block.mlpNorm) observe(m_context, 2, normed, windowLength);
  const MlpSpec& mlp = m_block.mlp;
  std::size_t width = 0;
  for (const LoadedLinear& linear : m_inputs) width += linear.spec.out;
  Matrix projected = Matrix::unset(normed.rows, width);
  std::size_t offset = 0;
  for (const LoadedLinear& linear : m_inputs) {
    multiplyLinear(linear, normed, {projected.values().data() + offset, normed.rows, linear.spec.out, width},
                   m_context.weights, m_context.run);
    offset += linear.spec.out;
  }
  const std::size_t ffn = mlp.down.in;
  Matrix gated = mlp.gated ? Matrix::unset(normed.rows, ffn) : Matrix();
  forRowTiles(normed.rows, width * 8, m_context.run, [&](std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) {
      const std::span<float> row = projected.row(r);
      if (mlp.gated) {
        activateGated(mlp.activation, row.first(ffn), row.subspan(ffn), gated.row(r));
      } else {
        activate(mlp.activation, row);
      }
    }
  });
  const MatrixView inner = mlp.gated ? gated.view() : projected.view();
  observe(m_context, outputGroup, inner, windowLength);
  Matrix result = Matrix::unset(normed.rows, m_down.spec.out);
  multiplyLinear(m_down, inner, {result.values().data(), result.rows(), result.cols(), result.cols()},
                 m_context.weights, m_context.run);
  return result;
}

NormWeights loadNorm(const NormSpec& spec, const WeightProvider& weights) {
  NormWeights norm{.spec = spec, .weight = weights.vector(spec.name + ".weight")};
  if (spec.kind == NormKind::Layer) norm.bias = weights.vector(spec.name + ".bias");
  return norm;
}

Matrix normalizedRows(const NormWeights& norm, MatrixView in, const RunContext& context) {
  Matrix out = Matrix::unset(in.rows, in.cols);
  forRowTiles(in.rows, in.cols * 2, context, [&](std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) normalize(norm, in.row(r), out.row(r));
  });
  return out;
}

void observe(const BlockContext& context, std::size_t groupOfBlock, MatrixView rows, std::size_t windowLength) {
  if (context.observer == nullptr || !*context.observer) return;
  for (std::size_t first = 0; first < rows.rows; first += windowLength) {
    context.run.throwIfStopped();
    (*context.observer)(context.firstGroup + groupOfBlock,
                        rows.middleRows(first, std::min(windowLength, rows.rows - first)));
  }
}

}  // namespace qs
