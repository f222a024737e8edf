#pragma once

#include <algorithm>
#include <cstddef>

#include "core/base/parallel.h"

namespace qs {

inline constexpr std::size_t kTrainingTileRows = 64;

[[nodiscard]] inline std::size_t trainingRowTiles(std::size_t rows) {
  return (rows + kTrainingTileRows - 1) / kTrainingTileRows;
}

/// Calls `body(tile, firstRow, rowCount)` for fixed tiles of rows, in parallel.
template <typename Body>
void forTrainingRows(std::size_t rows, const RunContext& context, const Body& body) {
  parallelFor(context, trainingRowTiles(rows), [&](std::size_t tile) {
    const std::size_t first = tile * kTrainingTileRows;
    body(tile, first, std::min(kTrainingTileRows, rows - first));
  });
}

}  // namespace qs
