#include "core/quant/uniform_grid.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/kernels/dequantize.h"
#include "core/quant/row_tiles.h"

namespace qs {

namespace {

ValueRange tensorRange(const WeightRows& weights, const RunContext& context) {
  std::vector<ValueRange> ranges(rowTileCount(weights.rows(), weights.cols()));
  forTiles(weights, context,
           [&](std::size_t tile, std::size_t, MatrixView rows) { ranges[tile] = rangeOf(rows.values()); });
  if (ranges.empty()) return {};
  ValueRange whole = ranges.front();
  for (const ValueRange& range : ranges) whole = {std::min(whole.low, range.low), std::max(whole.high, range.high)};
  return whole;
}

// One grid for the whole matrix; the losses of the candidates are summed tile by tile, in order.
UnitGrid tensorGrid(const WeightRows& weights, const QuantScheme& scheme, bool shrinkRange, const RunContext& context,
                    double progress) {
  const ValueRange range = tensorRange(weights, context);
  if (!shrinkRange || scheme.realZeroPoint) return gridOfRange(range, scheme);
  const auto candidates = shrinkCandidates(range, scheme);
  std::vector<std::vector<double>> losses(rowTileCount(weights.rows(), weights.cols()));
  forTiles(weights, context, [&](std::size_t tile, std::size_t, MatrixView rows) {
    for (const UnitGrid grid : candidates) {
      context.throwIfStopped();
      losses[tile].push_back(shrinkLossOn(rows.values(), grid, scheme, candidates.front().scale));
    }
    context.advance(progress / static_cast<double>(losses.size()));
  });
  std::vector<double> sums(candidates.size(), 0.0);
  for (const auto& tile : losses)
    for (std::size_t i = 0; i < tile.size(); ++i) sums[i] += tile[i];
  return candidates[static_cast<std::size_t>(std::min_element(sums.begin(), sums.end()) - sums.begin())];
}

void findRowGrids(std::span<const float> row, const QuantScheme& scheme, bool shrinkRange, std::span<UnitGrid> grids) {
  const std::size_t length = scheme.groupLength(row.size());
  if (shrinkRange) {
    for (std::size_t g = 0; g < grids.size(); ++g)
      grids[g] = findGrid(row.subspan(g * length, std::min(length, row.size() - g * length)), scheme, true);
  } else {
    std::vector<ValueRange> ranges(grids.size());
    rangesOf(row, length, ranges);
    gridsOfRanges(ranges, scheme, grids);
  }
  for (const UnitGrid grid : grids) requireStorable(grid, scheme);
}

void setGrid(UnitGrid grid, std::size_t unit, QuantizedTensor& tensor) {
  tensor.scales[unit] = grid.scale;
  if (!tensor.zeroPoints.empty()) tensor.zeroPoints[unit] = grid.zero;
}

// Codes of a row on the grids that the tensor has.
void roundRow(std::span<const float> values, std::size_t row, QuantizedTensor& tensor) {
  quantizeGroups(values, gridsOfRow(tensor, row), tensor.scheme,
                 std::span(tensor.codes).subspan(row * tensor.cols, tensor.cols));
}

constexpr const char* kTooLarge = "a group's weights are so large that quantized ones would be beyond F32";

// Whether every code stands for a finite number. Plain rounding has no use for the lowest code of restricted ranges.
bool hasFiniteValues(UnitGrid grid, const QuantScheme& scheme) {
  CodeLimits limits = codeLimits(scheme);
  if (scheme.symmetric && scheme.range == SymmetricRange::Restricted) limits.low = -limits.high;
  return std::isfinite(valueOf(limits.low, grid)) && std::isfinite(valueOf(limits.high, grid));
}

bool hasFiniteUnscaledValues(const QuantizedTensor& tensor) {
  // Hardly any tensor comes near: nothing is decoded where the largest scale, and the smallest divisor, show that.
  const float steps = 2.0F * static_cast<float>(1 << tensor.scheme.bits);
  if (std::isfinite(std::ranges::max(tensor.scales) * steps / std::ranges::min(tensor.inputScale))) return true;
  Matrix row(1, tensor.cols);
  for (std::size_t r = 0; r < tensor.rows; ++r) {
    dequantizeRows(tensor, r, row.span());
    if (!std::ranges::all_of(row.values(), [](float value) { return std::isfinite(value); })) return false;
  }
  return true;
}

}  // namespace

void requireStorable(UnitGrid grid, const QuantScheme& scheme) {
  const auto name = [](ScaleType type) {
    return type == ScaleType::F16 ? "F16" : type == ScaleType::BF16 ? "BF16" : type == ScaleType::E8M0 ? "E8M0" : "F32";
  };
  if (!std::isfinite(grid.scale) || grid.scale <= 0.0F)
    throw failedError("scale", std::string("a group's scale is too large to be stored as ") + name(scheme.scaleType));
  if (!std::isfinite(grid.zero))
    throw failedError("zero point",
                      std::string("a group's zero point is too large to be stored as ") + name(scheme.scaleType));
  if (scheme.number == NumberFormat::Integer && !hasFiniteValues(grid, scheme)) throw failedError("scale", kTooLarge);
}

void requireStorable(const QuantizedTensor& tensor) {
  for (std::size_t i = 0; i < tensor.scales.size(); ++i)
    requireStorable({tensor.scales[i], tensor.zeroPoints.empty() ? 0.0F : tensor.zeroPoints[i]}, tensor.scheme);
  if (!tensor.inputScale.empty() && !hasFiniteUnscaledValues(tensor)) throw failedError("input scale", kTooLarge);
}

QuantizedTensor emptyTensor(const QuantScheme& scheme, std::size_t rows, std::size_t cols) {
  QuantizedTensor tensor{.scheme = scheme, .rows = rows, .cols = cols};
  tensor.codes.resize(rows * cols);
  tensor.scales.resize(scheme.scaleCount(rows, cols));
  if (scheme.number == NumberFormat::Integer && !scheme.symmetric) tensor.zeroPoints.resize(tensor.scales.size());
  return tensor;
}

std::vector<UnitGrid> findGrids(const WeightRows& weights, const QuantScheme& scheme, bool shrinkRange,
                                const RunContext& context, double progress) {
  if (scheme.groupSize == kPerTensor) {
    const UnitGrid grid = tensorGrid(weights, scheme, shrinkRange, context, shrinkRange ? progress : 0.0);
    if (!shrinkRange) context.advance(progress);
    requireStorable(grid, scheme);
    return {grid};
  }
  const std::size_t groups = scheme.groupsPerRow(weights.cols());
  std::vector<UnitGrid> grids(weights.rows() * groups);
  forTiles(weights, context, [&](std::size_t, std::size_t first, MatrixView rows) {
    for (std::size_t r = 0; r < rows.rows; ++r) {
      context.throwIfStopped();
      findRowGrids(rows.row(r), scheme, shrinkRange, std::span(grids).subspan((first + r) * groups, groups));
    }
    if (progress > 0) context.advance(progress / static_cast<double>(rowTileCount(weights.rows(), weights.cols())));
  });
  return grids;
}

QuantizedTensor quantizeOnGrids(const WeightRows& weights, const QuantScheme& scheme, std::span<const UnitGrid> grids,
                                const RunContext& context) {
  assert(grids.size() == scheme.scaleCount(weights.rows(), weights.cols()));
  QuantizedTensor tensor = emptyTensor(scheme, weights.rows(), weights.cols());
  for (std::size_t i = 0; i < grids.size(); ++i) setGrid(grids[i], i, tensor);
  forTiles(weights, context, [&](std::size_t, std::size_t first, MatrixView rows) {
    for (std::size_t r = 0; r < rows.rows; ++r) roundRow(rows.row(r), first + r, tensor);
  });
  return tensor;
}

QuantizedTensor quantizeUniform(const WeightRows& weights, const QuantScheme& scheme, bool shrinkRange,
                                const RunContext& context, double progress) {
  if (scheme.groupSize == kPerTensor)
    return quantizeOnGrids(weights, scheme, findGrids(weights, scheme, shrinkRange, context, progress), context);
  // Range, grid and codes of a group while it is in the cache.
  QuantizedTensor tensor = emptyTensor(scheme, weights.rows(), weights.cols());
  const std::size_t groups = scheme.groupsPerRow(weights.cols());
  forTiles(weights, context, [&](std::size_t, std::size_t first, MatrixView rows) {
    std::vector<UnitGrid> grids(groups);
    for (std::size_t r = 0; r < rows.rows; ++r) {
      if (shrinkRange) context.throwIfStopped();
      findRowGrids(rows.row(r), scheme, shrinkRange, grids);
      for (std::size_t g = 0; g < groups; ++g) setGrid(grids[g], (first + r) * groups + g, tensor);
      roundRow(rows.row(r), first + r, tensor);
    }
    if (progress > 0) context.advance(progress / static_cast<double>(rowTileCount(weights.rows(), weights.cols())));
  });
  return tensor;
}

}  // namespace qs
