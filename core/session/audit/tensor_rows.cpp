#include "core/session/audit/tensor_rows.h"

#include <algorithm>
#include <memory>

#include "core/base/parallel.h"
#include "core/session/linear_weights.h"

namespace qs {

namespace {

constexpr std::size_t kTileElements = 256 * 1024;
constexpr std::size_t kRunRows = 32;
constexpr std::size_t kRuns = 4;

}  // namespace

TensorRows rowsOf(const CheckpointTensor& tensor) {
  const Shape& shape = tensor.info.shape;
  const bool isVector = std::ranges::count_if(shape, [](std::uint64_t size) { return size != 1; }) <= 1;
  const std::size_t cols = isVector ? tensor.info.elements : shape.back();
  const std::size_t rows = cols > 0 ? tensor.info.elements / cols : 0;
  return {rows, cols, [source = tensor.source.get(), cols](std::size_t row, std::span<float> out) {
            source->read(static_cast<std::uint64_t>(row) * cols, out);
          }};
}

TensorRows transposedRows(const TensorRows& rows, const RunContext& context) {
  Matrix values(rows.rows, rows.cols);
  parallelFor(context, rows.rows, [&](std::size_t row) { rows.read(row, values.row(row)); });
  const auto held = std::make_shared<const Matrix>(transposed(values.view()));
  return {rows.cols, rows.rows,
          [held](std::size_t row, std::span<float> out) { std::ranges::copy(held->row(row), out.begin()); }};
}

std::vector<std::size_t> sampleRows(std::size_t rows) {
  std::vector<std::size_t> sample;
  if (rows <= kRuns * kRunRows) {
    for (std::size_t row = 0; row < rows; ++row) sample.push_back(row);
    return sample;
  }
  const std::size_t runs = rows / kRunRows;
  for (std::size_t i = 0; i < kRuns; ++i) {
    const std::size_t first = i * (runs - 1) / (kRuns - 1) * kRunRows;
    for (std::size_t row = first; row < first + kRunRows; ++row) sample.push_back(row);
  }
  return sample;
}

ErrorStats compareRows(const TensorRows& reference, const TensorRows& approximation, const RunContext& context,
                       std::span<const std::size_t> only) {
  const std::size_t count = only.empty() ? reference.rows : only.size();
  const std::size_t tileRows = std::max<std::size_t>(1, kTileElements / std::max<std::size_t>(1, reference.cols));
  std::vector<ErrorStats> tiles((count + tileRows - 1) / tileRows);
  parallelFor(context, tiles.size(), [&](std::size_t tile) {
    std::vector<float> expected(reference.cols);
    std::vector<float> got(reference.cols);
    const std::size_t last = std::min(count, (tile + 1) * tileRows);
    for (std::size_t i = tile * tileRows; i < last; ++i) {
      const std::size_t row = only.empty() ? i : only[i];
      reference.read(row, expected);
      approximation.read(row, got);
      tiles[tile].add(expected, got);
    }
  });
  ErrorStats total;
  for (const ErrorStats& tile : tiles) total.merge(tile);
  return total;
}

}  // namespace qs
