#include "core/stats/weight_stats.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "core/base/parallel.h"
#include "core/kernels/column_quantiles.h"
#include "core/kernels/histogram_count.h"
#include "core/kernels/stats_simd.h"
#include "core/kernels/stored_rows.h"

namespace qs {

namespace {

constexpr std::size_t kQuartileRows = 1024;
constexpr std::size_t kColumnsPerTask = 64;
constexpr std::size_t kRowsInCache = 8;

// Rows a task takes: a fixed grid, so that the sums don't depend on the thread count.
std::size_t rowsPerTile(MatrixView matrix) {
  return std::clamp<std::size_t>((std::size_t{1} << 19) / (matrix.cols + 1), 1, 64);
}
std::size_t tileCount(MatrixView matrix) {
  const std::size_t step = rowsPerTile(matrix);
  return (matrix.rows + step - 1) / step;
}
MatrixView tileOf(MatrixView matrix, std::size_t tile) {
  const std::size_t step = rowsPerTile(matrix);
  return matrix.middleRows(tile * step, std::min(step, matrix.rows - tile * step));
}

Histogram emptyHistogram(float low, float high, std::size_t bins) {
  Histogram histogram{.low = static_cast<double>(low), .high = static_cast<double>(high)};
  if (!(histogram.high > histogram.low)) {  // all values are equal: a bin's width around them
    const double half = std::max(std::abs(histogram.low) * 0.5, 1e-6);
    histogram.low -= half;
    histogram.high += half;
  }
  histogram.counts.assign(bins, 0);
  return histogram;
}

// Counts tile by tile into tables of their own, then adds them.
void countInto(Histogram& histogram, MatrixView values, const RunContext& context) {
  std::vector<std::vector<std::uint64_t>> counts(tileCount(values));
  parallelFor(context, counts.size(), [&](std::size_t tile) {
    counts[tile].assign(histogram.counts.size(), 0);
    countValues(tileOf(values, tile).values(), histogram.low, histogram.high, counts[tile]);
  });
  for (const auto& table : counts)
    for (std::size_t i = 0; i < table.size(); ++i) histogram.counts[i] += table[i];
}

struct DescribedTile {
  Moments moments;
  std::vector<float> low;
  std::vector<float> high;
};

Moments momentsOf(const RowStatistics& rows, std::uint64_t count) {
  return {.count = count,
          .sum = rows.sums.first,
          .sumSquared = rows.sums.second,
          .sumCubed = rows.sums.third,
          .sumFourth = rows.sums.fourth,
          .minimum = rows.range.low,
          .maximum = rows.range.high};
}

DescribedTile describeTile(MatrixView tile) {
  const StoredRows rows{DType::F32, reinterpret_cast<const std::byte*>(tile.data), tile.rows, tile.cols};
  RowStatistics found = describeRows(rows, true);
  return {momentsOf(found, tile.rows * tile.cols), std::move(found.columnLow), std::move(found.columnHigh)};
}

void mergeTiles(const std::vector<DescribedTile>& tiles, WeightDescription& description) {
  ChannelStats& channels = description.channels;
  for (const DescribedTile& tile : tiles) {
    description.moments.merge(tile.moments);
    if (channels.minimum.empty()) {
      channels.minimum = tile.low;
      channels.maximum = tile.high;
    }
    for (std::size_t c = 0; c < tile.low.size(); ++c) {
      channels.minimum[c] = std::min(channels.minimum[c], tile.low[c]);
      channels.maximum[c] = std::max(channels.maximum[c], tile.high[c]);
    }
  }
  channels.absMax.resize(channels.minimum.size());
  for (std::size_t c = 0; c < channels.absMax.size(); ++c)
    channels.absMax[c] = std::max(std::abs(channels.minimum[c]), std::abs(channels.maximum[c]));
}

void fillQuartiles(MatrixView weights, ChannelStats& channels, const RunContext& context) {
  channels.lowerQuartile.resize(weights.cols);
  channels.median.resize(weights.cols);
  channels.upperQuartile.resize(weights.cols);
  const std::size_t stride = (weights.rows + kQuartileRows - 1) / kQuartileRows;
  const ColumnQuartiles out{channels.lowerQuartile, channels.median, channels.upperQuartile};
  parallelFor(context, (weights.cols + kColumnsPerTask - 1) / kColumnsPerTask, [&](std::size_t task) {
    const std::size_t first = task * kColumnsPerTask;
    columnQuartiles(weights, stride, first, std::min(first + kColumnsPerTask, weights.cols), out);
  });
}

struct ComparedTile {
  ErrorStats errors;
  std::vector<std::uint64_t> after;
  std::vector<float> channelSquares;
};

// The errors of each group of some rows, and their sum.
ErrorStats compareGroups(MatrixView weights, MatrixView quantized, std::size_t groupLength,
                         std::span<float> groupErrors) {
  ErrorStats sum;
  std::size_t group = 0;
  for (std::size_t r = 0; r < weights.rows; ++r) {
    for (std::size_t first = 0; first < weights.cols; first += groupLength) {
      const std::size_t count = std::min(groupLength, weights.cols - first);
      ErrorStats errors;
      errors.add(weights.row(r).subspan(first, count), quantized.row(r).subspan(first, count));
      groupErrors[group++] = static_cast<float>(errors.meanSquaredError());
      sum.merge(errors);
    }
  }
  return sum;
}

// Also writes the tile's rows of the group errors. A few rows at a time, so that every step after the first finds them
// in the cache.
ComparedTile compareTile(MatrixView weights, MatrixView quantized, const Histogram& bins, std::size_t groupLength,
                         std::span<float> groupErrors) {
  ComparedTile result;
  result.after.assign(bins.counts.size(), 0);
  result.channelSquares.assign(weights.cols, 0.0F);
  const std::size_t groups = (weights.cols + groupLength - 1) / groupLength;
  for (std::size_t first = 0; first < weights.rows; first += kRowsInCache) {
    const std::size_t count = std::min(kRowsInCache, weights.rows - first);
    const MatrixView exact = weights.middleRows(first, count);
    const MatrixView approximate = quantized.middleRows(first, count);
    result.errors.merge(compareGroups(exact, approximate, groupLength, groupErrors.subspan(first * groups)));
    simd::columnSquaredErrors(exact.data, approximate.data, count, weights.cols, result.channelSquares.data());
    countValues(approximate.values(), bins.low, bins.high, result.after);
  }
  return result;
}

ValueSpan rangeOfMatrix(MatrixView matrix, const RunContext& context) {
  std::vector<ValueSpan> spans(tileCount(matrix));
  parallelFor(context, spans.size(), [&](std::size_t tile) { spans[tile] = spanOf(tileOf(matrix, tile).values()); });
  ValueSpan whole;
  for (const ValueSpan& span : spans) whole = {std::min(whole.low, span.low), std::max(whole.high, span.high)};
  return whole;
}

}  // namespace

WeightDescription describeWeights(MatrixView weights, const RunContext& context, std::size_t bins) {
  WeightDescription description;
  std::vector<DescribedTile> tiles(tileCount(weights));
  parallelFor(context, tiles.size(), [&](std::size_t i) { tiles[i] = describeTile(tileOf(weights, i)); });
  mergeTiles(tiles, description);
  const Moments& moments = description.moments;
  description.histogram =
      moments.count > 0 ? emptyHistogram(moments.minimum, moments.maximum, bins) : emptyHistogram(0, 0, bins);
  countInto(description.histogram, weights, context);
  fillQuartiles(weights, description.channels, context);
  return description;
}

WeightComparison compareWeights(MatrixView weights, MatrixView quantized, const WeightDescription& description,
                                std::size_t groupLength, const RunContext& context) {
  assert(weights.rows == quantized.rows && weights.cols == quantized.cols && groupLength > 0);
  WeightComparison comparison;
  comparison.before = description.histogram;
  const ValueSpan span = rangeOfMatrix(quantized, context);
  if (static_cast<double>(span.low) < comparison.before.low ||
      static_cast<double>(span.high) > comparison.before.high) {
    comparison.before =
        emptyHistogram(std::min(span.low, description.moments.minimum),
                       std::max(span.high, description.moments.maximum), description.histogram.counts.size());
    countInto(comparison.before, weights, context);
  }
  comparison.after = comparison.before;
  std::fill(comparison.after.counts.begin(), comparison.after.counts.end(), 0);

  comparison.groupsPerRow = (weights.cols + groupLength - 1) / groupLength;
  comparison.groupMeanSquaredError.resize(weights.rows * comparison.groupsPerRow);
  std::vector<ComparedTile> tiles(tileCount(weights));
  const std::size_t groupsPerTile = rowsPerTile(weights) * comparison.groupsPerRow;
  parallelFor(context, tiles.size(), [&](std::size_t i) {
    tiles[i] = compareTile(tileOf(weights, i), tileOf(quantized, i), comparison.after, groupLength,
                           std::span(comparison.groupMeanSquaredError).subspan(i * groupsPerTile));
  });
  std::vector<double> channelSquares(weights.cols, 0.0);
  for (const ComparedTile& tile : tiles) {
    comparison.errors.merge(tile.errors);
    for (std::size_t i = 0; i < tile.after.size(); ++i) comparison.after.counts[i] += tile.after[i];
    for (std::size_t c = 0; c < weights.cols; ++c) channelSquares[c] += static_cast<double>(tile.channelSquares[c]);
  }
  comparison.channelMeanSquaredError.resize(weights.cols);
  for (std::size_t c = 0; c < weights.cols && weights.rows > 0; ++c)
    comparison.channelMeanSquaredError[c] = static_cast<float>(channelSquares[c] / static_cast<double>(weights.rows));
  return comparison;
}

}  // namespace qs
