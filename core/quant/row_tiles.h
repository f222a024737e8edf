#pragma once

#include <algorithm>
#include <cstddef>

#include "core/base/parallel.h"
#include "core/base/run_context.h"
#include "core/kernels/weight_rows.h"

namespace qs {

/// Rows first..last-1 of a matrix.
struct RowTile {
  std::size_t first = 0;
  std::size_t last = 0;
};

/// The fixed grid of row tiles of a matrix with that many columns: about 16 Ki values a tile, whatever the thread
/// count.
[[nodiscard]] inline std::size_t rowsPerTile(std::size_t cols) {
  return std::max<std::size_t>(1, (std::size_t{1} << 14) / (cols + 1));
}
[[nodiscard]] inline std::size_t rowTileCount(std::size_t rows, std::size_t cols) {
  return (rows + rowsPerTile(cols) - 1) / rowsPerTile(cols);
}

/// Calls body(index, RowTile) for every tile, in parallel.
template <typename Body>
void forRowTiles(std::size_t rows, std::size_t cols, const RunContext& context, const Body& body) {
  const std::size_t step = rowsPerTile(cols);
  parallelFor(context, rowTileCount(rows, cols), [&](std::size_t tile) {
    body(tile, RowTile{tile * step, std::min((tile + 1) * step, rows)});
  });
}

/// Calls body(index, first row, MatrixView of the rows) for every tile of the weights, in parallel.
template <typename Body>
void forTiles(const WeightRows& weights, const RunContext& context, const Body& body) {
  forRowTiles(weights.rows(), weights.cols(), context, [&](std::size_t tile, RowTile rows) {
    Matrix::Values buffer;
    body(tile, rows.first, weights.middleRows(rows.first, rows.last - rows.first, buffer));
  });
}

}  // namespace qs
