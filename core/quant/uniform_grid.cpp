#include "core/quant/uniform_grid.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/quant/row_tiles.h"

namespace qs {

namespace {

ValueRange tensorRange(MatrixView weights, const RunContext& context) {
  std::vector<ValueRange> ranges(rowTileCount(weights.rows, weights.cols));
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t tile, RowTile rows) {
    ranges[tile] = rangeOf(weights.middleRows(rows.first, rows.last - rows.first).values());
  });
  if (ranges.empty()) return {};
  ValueRange whole = ranges.front();
  for (const ValueRange& range : ranges) whole = {std::min(whole.low, range.low), std::max(whole.high, range.high)};
  return whole;
}

std::vector<UnitGrid> shrinkCandidates(ValueRange range, const QuantScheme& scheme) {
  std::vector<UnitGrid> grids;
  for (int i = 0; i < kShrinkCandidates; ++i)
    grids.push_back(gridOfRange({shrinkFactor(i) * range.low, shrinkFactor(i) * range.high}, scheme));
  return grids;
}

// One grid for the whole matrix; the losses of the candidates are summed tile by tile, in order.
UnitGrid tensorGrid(MatrixView weights, const QuantScheme& scheme, bool shrinkRange, const RunContext& context,
                    double progress) {
  const ValueRange range = tensorRange(weights, context);
  const UnitGrid whole = gridOfRange(range, scheme);
  if (!shrinkRange || scheme.realZeroPoint) return whole;
  const std::vector<UnitGrid> candidates = shrinkCandidates(range, scheme);
  std::vector<std::vector<double>> losses(rowTileCount(weights.rows, weights.cols));
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t tile, RowTile rows) {
    const auto values = weights.middleRows(rows.first, rows.last - rows.first).values();
    for (const UnitGrid grid : candidates) {
      context.throwIfStopped();
      losses[tile].push_back(shrinkLossOn(values, grid, scheme, whole.scale));
    }
    context.advance(progress / static_cast<double>(losses.size()));
  });
  std::vector<double> sums(candidates.size(), 0.0);
  for (const auto& tile : losses)
    for (std::size_t i = 0; i < tile.size(); ++i) sums[i] += tile[i];
  return candidates[static_cast<std::size_t>(std::min_element(sums.begin(), sums.end()) - sums.begin())];
}

std::span<const float> group(MatrixView weights, const QuantScheme& scheme, std::size_t row, std::size_t index) {
  const std::size_t length = scheme.groupLength(weights.cols);
  const std::size_t first = index * length;
  return weights.row(row).subspan(first, std::min(length, weights.cols - first));
}

}  // namespace

void requireStorable(UnitGrid grid, const QuantScheme& scheme) {
  if (std::isfinite(grid.scale) && grid.scale > 0.0F) return;
  const char* type = scheme.scaleType == ScaleType::F16    ? "F16"
                     : scheme.scaleType == ScaleType::BF16 ? "BF16"
                     : scheme.scaleType == ScaleType::E8M0 ? "E8M0"
                                                           : "F32";
  throw failedError("scale", std::string("a group's scale is too large to be stored as ") + type);
}

QuantizedTensor emptyTensor(const QuantScheme& scheme, std::size_t rows, std::size_t cols) {
  QuantizedTensor tensor{.scheme = scheme, .rows = rows, .cols = cols};
  tensor.codes.resize(rows * cols);
  tensor.scales.resize(scheme.scaleCount(rows, cols));
  if (scheme.number == NumberFormat::Integer && !scheme.symmetric) tensor.zeroPoints.resize(tensor.scales.size());
  return tensor;
}

std::vector<UnitGrid> findGrids(MatrixView weights, const QuantScheme& scheme, bool shrinkRange,
                                const RunContext& context, double progress) {
  if (scheme.groupSize == kPerTensor) {
    const UnitGrid grid = tensorGrid(weights, scheme, shrinkRange, context, shrinkRange ? progress : 0.0);
    if (!shrinkRange) context.advance(progress);
    requireStorable(grid, scheme);
    return {grid};
  }
  const std::size_t groups = scheme.groupsPerRow(weights.cols);
  std::vector<UnitGrid> grids(weights.rows * groups);
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row) {
      context.throwIfStopped();
      for (std::size_t g = 0; g < groups; ++g) {
        grids[row * groups + g] = findGrid(group(weights, scheme, row, g), scheme, shrinkRange);
        requireStorable(grids[row * groups + g], scheme);
      }
    }
    if (progress > 0) context.advance(progress / static_cast<double>(rowTileCount(weights.rows, weights.cols)));
  });
  return grids;
}

QuantizedTensor quantizeOnGrids(MatrixView weights, const QuantScheme& scheme, std::span<const UnitGrid> grids,
                                const RunContext& context) {
  assert(grids.size() == scheme.scaleCount(weights.rows, weights.cols));
  QuantizedTensor tensor = emptyTensor(scheme, weights.rows, weights.cols);
  for (std::size_t i = 0; i < grids.size(); ++i) {
    tensor.scales[i] = grids[i].scale;
    if (!tensor.zeroPoints.empty()) tensor.zeroPoints[i] = grids[i].zero;
  }
  const std::size_t length = scheme.groupLength(weights.cols);
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row) {
      for (std::size_t first = 0; first < weights.cols; first += length) {
        const std::size_t count = std::min(length, weights.cols - first);
        quantizeRun(weights.row(row).subspan(first, count), grids[tensor.unit(row, first)], scheme,
                    std::span(tensor.codes).subspan(row * weights.cols + first, count));
      }
    }
  });
  return tensor;
}

QuantizedTensor quantizeUniform(MatrixView weights, const QuantScheme& scheme, bool shrinkRange,
                                const RunContext& context, double progress) {
  if (scheme.groupSize == kPerTensor)
    return quantizeOnGrids(weights, scheme, findGrids(weights, scheme, shrinkRange, context, progress), context);
  // Range, grid and codes of a group while it is in the cache.
  QuantizedTensor tensor = emptyTensor(scheme, weights.rows, weights.cols);
  const std::size_t groups = scheme.groupsPerRow(weights.cols);
  const std::size_t length = scheme.groupLength(weights.cols);
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row) {
      if (shrinkRange) context.throwIfStopped();
      for (std::size_t g = 0; g < groups; ++g) {
        const auto values = group(weights, scheme, row, g);
        const UnitGrid grid = findGrid(values, scheme, shrinkRange);
        requireStorable(grid, scheme);
        tensor.scales[row * groups + g] = grid.scale;
        if (!tensor.zeroPoints.empty()) tensor.zeroPoints[row * groups + g] = grid.zero;
        quantizeRun(values, grid, scheme,
                    std::span(tensor.codes).subspan(row * weights.cols + g * length, values.size()));
      }
    }
    if (progress > 0) context.advance(progress / static_cast<double>(rowTileCount(weights.rows, weights.cols)));
  });
  return tensor;
}

}  // namespace qs
