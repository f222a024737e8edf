#include "core/stats/weight_stats.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <optional>

#include "core/base/parallel.h"
#include "core/kernels/column_quantiles.h"
#include "core/kernels/dequantize.h"
#include "core/kernels/histogram_count.h"
#include "core/kernels/stats_simd.h"
#include "core/kernels/stored_rows.h"

namespace qs {

namespace {

constexpr std::size_t kQuartileRows = 1024;
constexpr std::size_t kColumnsPerTask = 64;
constexpr std::size_t kRowsInCache = 8;

// Rows a task takes, a multiple of those in the cache: a fixed grid, so that the sums don't depend on the thread count.
std::size_t rowsPerTile(MatrixView matrix) {
  const std::size_t rows = std::clamp<std::size_t>((std::size_t{1} << 19) / (matrix.cols + 1), kRowsInCache, 64);
  return rows / kRowsInCache * kRowsInCache;
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

// The comparison of one tile of rows after the other, a few rows at a time, so that every step after the first finds
// them in the cache.
class TileComparison {
 public:
  TileComparison(MatrixView weights, const QuantizedRows& quantized, std::size_t groupLength, ComparisonMaps* maps)
      : m_weights(weights), m_quantized(quantized), m_groupLength(groupLength), m_maps(maps) {}

  // `own`, widened to hold the tile's quantized values.
  [[nodiscard]] ValueSpan range(std::size_t tile, ValueSpan own) const {
    const std::size_t step = rowsPerTile(m_weights);
    m_quantized.widen(own, tile * step, tileOf(m_weights, tile).rows);
    return own;
  }

  // Also writes the tile's rows of the group errors and of the maps.
  [[nodiscard]] ComparedTile compare(std::size_t tile, const Histogram& bins, std::span<float> groupErrors) const {
    ComparedTile result;
    simd::PairLanes errors;
    result.after.assign(bins.counts.size(), 0);
    result.channelSquares.assign(m_weights.cols, 0.0F);
    const std::size_t groups = (m_weights.cols + m_groupLength - 1) / m_groupLength;
    forEachStrip(tile, [&](std::size_t first, MatrixView exact, MatrixView approximate) {
      for (std::size_t r = 0; r < exact.rows; ++r)
        compareRow(exact.row(r), approximate.row(r), errors, groupErrors.subspan((first + r) * groups, groups));
      simd::columnSquaredErrors(exact.data, approximate.data, exact.rows, exact.cols, result.channelSquares.data());
      countValues(approximate.values(), bins.low, bins.high, result.after);
      if (m_maps == nullptr) return;
      m_maps->quantized.addRows(first, approximate);
      m_maps->error.addRows(first, approximate, exact);
    });
    const std::size_t rows = tileOf(m_weights, tile).rows;
    result.errors.add(errors.total(), rows * m_weights.cols);
    return result;
  }

 private:
  template <typename Body>
  void forEachStrip(std::size_t tile, const Body& body) const {
    std::vector<float> buffer;
    const std::size_t step = rowsPerTile(m_weights);
    const std::size_t end = std::min((tile + 1) * step, m_weights.rows);
    for (std::size_t first = tile * step; first < end; first += kRowsInCache) {
      const std::size_t count = std::min(kRowsInCache, end - first);
      body(first, m_weights.middleRows(first, count), m_quantized.middleRows(first, count, buffer));
    }
  }

  void compareRow(std::span<const float> exact, std::span<const float> approximate, simd::PairLanes& errors,
                  std::span<float> groupErrors) const {
    std::vector<double> squares(groupErrors.size());
    // The same row of the next strip, which this one's other steps leave time to fetch; none of the matrix's last.
    const std::size_t ahead = kRowsInCache * m_weights.cols;
    const bool isLast = exact.data() + ahead + exact.size() > m_weights.data + m_weights.rows * m_weights.cols;
    simd::comparePairs(exact.data(), approximate.data(), exact.size(), m_groupLength, errors, squares.data(),
                       isLast ? 0 : ahead);
    for (std::size_t g = 0; g < squares.size(); ++g) {
      const std::size_t length = std::min(m_groupLength, exact.size() - g * m_groupLength);
      groupErrors[g] = static_cast<float>(squares[g] / static_cast<double>(length));
    }
  }

  MatrixView m_weights;
  const QuantizedRows& m_quantized;
  std::size_t m_groupLength;
  ComparisonMaps* m_maps;
};

// Bins of the same width on either side, as many as `span` needs; nothing beyond twice as many bins.
std::optional<Histogram> extended(const Histogram& own, ValueSpan span) {
  const double width = own.binWidth();
  const double below = std::ceil(std::max(0.0, own.low - static_cast<double>(span.low)) / width);
  const double above = std::ceil(std::max(0.0, static_cast<double>(span.high) - own.high) / width);
  if (!(below + above <= static_cast<double>(own.counts.size()))) return std::nullopt;
  Histogram wider{.low = own.low - below * width, .high = own.high + above * width};
  wider.counts.assign(static_cast<std::size_t>(below), 0);
  wider.counts.insert(wider.counts.end(), own.counts.begin(), own.counts.end());
  wider.counts.resize(wider.counts.size() + static_cast<std::size_t>(above));
  return wider;
}

// The bins of the original weights; where the quantized ones don't fit, with more bins beside them, or wider ones.
Histogram commonBins(const TileComparison& tiles, MatrixView weights, const WeightDescription& description,
                     const RunContext& context) {
  ValueSpan whole{description.moments.minimum, description.moments.maximum};
  std::vector<ValueSpan> spans(tileCount(weights));
  parallelFor(context, spans.size(), [&](std::size_t tile) { spans[tile] = tiles.range(tile, whole); });
  for (const ValueSpan& span : spans) whole = {std::min(whole.low, span.low), std::max(whole.high, span.high)};
  const Histogram& own = description.histogram;
  if (const std::optional<Histogram> wider = extended(own, whole)) return *wider;
  Histogram wider = emptyHistogram(whole.low, whole.high, own.counts.size());
  countInto(wider, weights, context);
  return wider;
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

MatrixView QuantizedRows::middleRows(std::size_t first, std::size_t count, std::vector<float>& buffer) const {
  if (m_tensor == nullptr) return m_values.middleRows(first, count);
  buffer.resize(count * m_tensor->cols);
  dequantizeTile(*m_tensor, first, {buffer.data(), count, m_tensor->cols});
  return {buffer.data(), count, m_tensor->cols};
}

void QuantizedRows::widen(ValueSpan& span, std::size_t first, std::size_t count) const {
  if (m_tensor != nullptr) return widenToRows(*m_tensor, first, count, span);
  const ValueSpan own = spanOf(m_values.middleRows(first, count).values());
  span = {std::min(span.low, own.low), std::max(span.high, own.high)};
}

WeightComparison compareWeights(MatrixView weights, const QuantizedRows& quantized,
                                const WeightDescription& description, std::size_t groupLength,
                                const RunContext& context, ComparisonMaps* maps) {
  assert(weights.rows == quantized.rows() && weights.cols == quantized.cols() && groupLength > 0);
  if (maps != nullptr) *maps = {AbsMaxPyramid(weights.rows, weights.cols), AbsMaxPyramid(weights.rows, weights.cols)};
  const TileComparison comparer(weights, quantized, groupLength, maps);
  WeightComparison comparison;
  comparison.before = commonBins(comparer, weights, description, context);
  comparison.after = comparison.before;
  std::fill(comparison.after.counts.begin(), comparison.after.counts.end(), 0);
  comparison.groupsPerRow = (weights.cols + groupLength - 1) / groupLength;
  comparison.groupMeanSquaredError.resize(weights.rows * comparison.groupsPerRow);
  std::vector<ComparedTile> tiles(tileCount(weights));
  parallelFor(context, tiles.size(), [&](std::size_t i) {
    tiles[i] = comparer.compare(i, comparison.after, comparison.groupMeanSquaredError);
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
  if (maps == nullptr) return comparison;
  maps->quantized.finish(context);
  maps->error.finish(context);
  return comparison;
}

}  // namespace qs
