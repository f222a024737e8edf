#include "core/model/runner/checkpoint_weights.h"

#include <algorithm>

#include "core/base/parallel.h"

namespace qs {

namespace {

// Half a million values are read in about a millisecond, or from a slow disk in about ten.
constexpr std::size_t kTileValues = std::size_t{1} << 19U;

std::size_t tileRows(std::size_t cols) {
  return std::max<std::size_t>(1, kTileValues / std::max<std::size_t>(1, cols));
}

std::size_t tilesOf(std::size_t rows, std::size_t perTile) { return (rows + perTile - 1) / perTile; }

void readStraight(const TensorSource& source, MatrixSpan out, const RunContext& context) {
  const std::size_t perTile = tileRows(out.cols);
  parallelFor(context, tilesOf(out.rows, perTile), [&](std::size_t tile) {
    const std::size_t first = tile * perTile;
    const std::size_t count = std::min(perTile, out.rows - first);
    source.read(first * out.cols, out.middleRows(first, count).values());
  });
}

/// Stored [in, out]: each tile of stored rows becomes a band of columns.
void readTurned(const TensorSource& source, MatrixSpan out, const RunContext& context) {
  const std::size_t perTile = tileRows(out.rows);
  parallelFor(context, tilesOf(out.cols, perTile), [&](std::size_t tile) {
    const std::size_t first = tile * perTile;
    Matrix band(std::min(perTile, out.cols - first), out.rows);
    source.read(first * out.rows, band.values());
    for (std::size_t r = 0; r < out.rows; ++r)
      for (std::size_t c = 0; c < band.rows(); ++c) out(r, first + c) = band(c, r);
  });
}

}  // namespace

std::shared_ptr<const Matrix> CheckpointWeights::linear(const LinearSpec& linear, const RunContext& context) const {
  const CheckpointTensor& tensor = m_model.require(weightName(m_spec, linear));
  auto weights = std::make_shared<Matrix>(Matrix::unset(linear.out, linear.in));
  (linear.transposed ? readTurned : readStraight)(*tensor.source, weights->span(), context);
  tensor.source->release();
  return weights;
}

void CheckpointWeights::headRows(std::size_t first, MatrixSpan out) const {
  const CheckpointTensor& tensor = m_model.require(weightName(m_spec, m_spec.head));
  tensor.source->read(first * out.cols, out.values());
}

std::vector<float> CheckpointWeights::vector(const std::string& tensor) const {
  const CheckpointTensor& found = m_model.require(tensor);
  std::vector<float> values(found.info.elements);
  found.source->read(0, values);
  return values;
}

void CheckpointWeights::tableRow(const std::string& tensor, std::size_t row, std::span<float> out) const {
  m_model.require(tensor).source->read(row * out.size(), out);
}

std::shared_ptr<const Matrix> CachedWeights::linear(const LinearSpec& linear, const RunContext& context) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_linears.find(linear.name);
  if (found != m_linears.end()) return found->second;
  auto weights = m_source.linear(linear, context);
  const std::size_t bytes = weights->values().size_bytes();
  if (m_usedBytes + bytes <= m_limitBytes) {
    m_usedBytes += bytes;
    m_linears.emplace(linear.name, weights);
  }
  return weights;
}

}  // namespace qs
