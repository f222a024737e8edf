#include "core/stats/weight_stats.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <optional>

#include <tbb/enumerable_thread_specific.h>

#include "core/base/parallel.h"
#include "core/kernels/column_quantiles.h"
#include "core/kernels/dequantize.h"
#include "core/kernels/histogram_count.h"
#include "core/kernels/raw_bit_counts.h"
#include "core/kernels/stats_simd.h"
#include "core/kernels/stored_rows.h"

namespace qs {

namespace {

constexpr std::size_t kQuartileRows = 1024;
constexpr std::size_t kColumnsPerTask = 64;
constexpr std::size_t kRowsInCache = 4;
constexpr std::size_t kColumnsInCache = 1024;

// Rows first..first+count-1.
struct Rows {
  std::size_t first = 0;
  std::size_t count = 0;
};

// Rows a task takes, a multiple of those in the cache: a fixed grid, so that the sums don't depend on the thread count.
std::size_t rowsPerTile(const WeightRows& weights) {
  const std::size_t rows = std::clamp<std::size_t>((std::size_t{1} << 19) / (weights.cols() + 1), kRowsInCache, 64);
  return rows / kRowsInCache * kRowsInCache;
}
std::size_t tileCount(const WeightRows& weights) {
  const std::size_t step = rowsPerTile(weights);
  return (weights.rows() + step - 1) / step;
}
Rows tileOf(const WeightRows& weights, std::size_t tile) {
  const std::size_t step = rowsPerTile(weights);
  return {tile * step, std::min(step, weights.rows() - tile * step)};
}

// Calls body(first row, MatrixView) for a few rows of a tile at a time, so that every step after the first finds them
// in the cache.
template <typename Body>
void forEachStrip(const WeightRows& weights, std::size_t tile, const Body& body) {
  Matrix::Values buffer;
  const Rows rows = tileOf(weights, tile);
  for (std::size_t first = rows.first; first < rows.first + rows.count; first += kRowsInCache) {
    const std::size_t count = std::min(kRowsInCache, rows.first + rows.count - first);
    body(first, weights.middleRows(first, count, buffer));
  }
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

void addCounts(const std::vector<std::uint64_t>& counts, Histogram& histogram) {
  for (std::size_t i = 0; i < counts.size(); ++i) histogram.counts[i] += counts[i];
}

// Counts tile by tile into tables of their own, then adds them.
void countInto(Histogram& histogram, const WeightRows& weights, const RunContext& context) {
  std::vector<std::vector<std::uint64_t>> counts(tileCount(weights));
  parallelFor(context, counts.size(), [&](std::size_t tile) {
    BinCounts found(histogram.low, histogram.high, histogram.counts.size());
    forEachStrip(weights, tile, [&](std::size_t, MatrixView strip) { found.add(strip.values()); });
    counts[tile].assign(histogram.counts.size(), 0);
    found.addTo(counts[tile]);
  });
  for (const auto& table : counts) addCounts(table, histogram);
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

// Whether the weights' bit patterns can be counted in the pass that finds their range.
bool hasPatterns(const WeightRows& weights) {
  return weights.stored().type != DType::F32 &&
         weights.rows() * weights.cols() < std::numeric_limits<std::uint32_t>::max();
}

using PatternCounts = tbb::enumerable_thread_specific<RawBitCounts>;  // sums of whole numbers: any order will do

DescribedTile describeTile(const WeightRows& weights, Rows rows, PatternCounts& patterns) {
  const StoredRows stored = weights.stored().middle(rows.first, rows.count);
  RowStatistics found = describeRows(stored, true);
  if (hasPatterns(weights)) patterns.local().add(stored.contents());
  return {momentsOf(found, rows.count * weights.cols()), std::move(found.columnLow), std::move(found.columnHigh)};
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

void fillQuartiles(const WeightRows& weights, ChannelStats& channels, const RunContext& context) {
  const std::size_t cols = weights.cols();
  channels.lowerQuartile.resize(cols);
  channels.median.resize(cols);
  channels.upperQuartile.resize(cols);
  const std::size_t stride = (weights.rows() + kQuartileRows - 1) / kQuartileRows;
  const ColumnQuartiles out{channels.lowerQuartile, channels.median, channels.upperQuartile};
  parallelFor(context, (cols + kColumnsPerTask - 1) / kColumnsPerTask, [&](std::size_t task) {
    const std::size_t first = task * kColumnsPerTask;
    columnQuartiles(weights.stored(), stride, first, std::min(first + kColumnsPerTask, cols), out);
  });
}

struct ComparedTile {
  ErrorStats errors;
  std::vector<std::uint64_t> before;  // empty where the weights were counted before
  std::vector<std::uint64_t> after;
  std::vector<float> channelSquares;
};

// The comparison of one tile of rows after the other.
class TileComparison {
 public:
  TileComparison(const WeightRows& weights, const QuantizedRows& quantized, std::size_t groupLength,
                 ComparisonMaps* maps)
      : m_weights(weights), m_quantized(quantized), m_groupLength(groupLength), m_maps(maps) {
    // Maps are made of whole rows.
    const std::size_t groups = std::max<std::size_t>(1, kColumnsInCache / groupLength);
    m_blockCols = maps == nullptr && quantized.hasBlocks(groupLength) ? groups * groupLength : weights.cols();
  }

  // `own`, widened to hold the tile's quantized values.
  [[nodiscard]] ValueSpan range(std::size_t tile, ValueSpan own) const {
    const Rows rows = tileOf(m_weights, tile);
    m_quantized.widen(own, rows.first, rows.count);
    return own;
  }

  // Also writes the tile's rows of the group errors and of the maps. `uncounted` are bins to count the weights on.
  [[nodiscard]] ComparedTile compare(std::size_t tile, const Histogram* uncounted, const Histogram& bins,
                                     std::span<float> groupErrors) const {
    Work work(bins, uncounted, m_weights.cols());
    const Rows rows = tileOf(m_weights, tile);
    for (std::size_t first = rows.first; first < rows.first + rows.count; first += kRowsInCache) {
      const std::size_t count = std::min(kRowsInCache, rows.first + rows.count - first);
      if (!m_quantized.countFromCodes(first, count, bins, work.result.after) && !work.after)
        work.after.emplace(bins.low, bins.high, bins.counts.size());
      for (std::size_t col = 0; col < m_weights.cols(); col += m_blockCols)
        compareBlock({first, count, col, std::min(m_blockCols, m_weights.cols() - col)}, work, groupErrors);
    }
    return std::move(work).finished(rows.count * m_weights.cols());
  }

 private:
  // What comparing a tile needs and finds.
  struct Work {
    Work(const Histogram& bins, const Histogram* uncounted, std::size_t cols) {
      result.after.assign(bins.counts.size(), 0);
      result.channelSquares.assign(cols, 0.0F);
      if (uncounted == nullptr) return;
      result.before.assign(uncounted->counts.size(), 0);
      before.emplace(uncounted->low, uncounted->high, uncounted->counts.size());
    }
    [[nodiscard]] ComparedTile finished(std::size_t pairs) && {
      result.errors.add(errors.total(), pairs);
      if (before) before->addTo(result.before);
      if (after) after->addTo(result.after);
      return std::move(result);
    }

    ComparedTile result;
    simd::PairLanes errors;
    std::optional<BinCounts> before;  // where the weights weren't counted before
    std::optional<BinCounts> after;   // where codes can't be counted instead
    Matrix::Values exactBuffer;
    Matrix::Values approximateBuffer;
  };

  // A block small enough that every step after the first finds it in the fastest cache.
  void compareBlock(const MatrixBlock& part, Work& work, std::span<float> groupErrors) const {
    const MatrixView exact = m_weights.block(part, work.exactBuffer);
    const MatrixView approximate = m_quantized.block(part, work.approximateBuffer);
    for (std::size_t r = 0; r < exact.rows; ++r)
      compareRow({part.firstRow + r, 1, part.firstCol, part.cols}, exact.row(r), approximate.row(r), work.errors,
                 work.result.channelSquares.data() + part.firstCol, groupErrors);
    if (work.before) work.before->add(exact.values());
    if (work.after) work.after->add(approximate.values());
    if (m_maps == nullptr) return;
    m_maps->quantized.addRows(part.firstRow, approximate);
    m_maps->error.addRows(part.firstRow, approximate, exact);
  }

  void compareRow(const MatrixBlock& part, std::span<const float> exact, std::span<const float> approximate,
                  simd::PairLanes& errors, float* columnErrors, std::span<float> groupErrors) const {
    const std::size_t groupsPerRow = (m_weights.cols() + m_groupLength - 1) / m_groupLength;
    const std::size_t groups = (part.cols + m_groupLength - 1) / m_groupLength;
    const auto found = groupErrors.subspan(part.firstRow * groupsPerRow + part.firstCol / m_groupLength, groups);
    std::vector<double> squares(groups);
    // The same part of the next rows, which the other steps leave time to fetch.
    const std::size_t next = std::min(part.firstRow + kRowsInCache, m_weights.rows() - 1);
    simd::comparePairs(exact.data(), approximate.data(), exact.size(), m_groupLength, errors, squares.data(),
                       columnErrors, m_weights.stored().columnsOf(next, part.firstCol, part.cols));
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t length = std::min(m_groupLength, exact.size() - g * m_groupLength);
      found[g] = static_cast<float>(squares[g] / static_cast<double>(length));
    }
  }

  const WeightRows& m_weights;
  const QuantizedRows& m_quantized;
  std::size_t m_groupLength;
  std::size_t m_blockCols;
  ComparisonMaps* m_maps;
};

// Empty bins for the original and the quantized weights.
struct CommonBins {
  Histogram bins;
  std::optional<std::size_t> firstOwn;  // where the original weights' own bins are among them, if they are
};

// More bins of the same width on either side, as many as `span` needs; nothing beyond twice as many bins.
std::optional<CommonBins> extended(const Histogram& own, ValueSpan span) {
  const double width = own.binWidth();
  const double below = std::ceil(std::max(0.0, own.low - static_cast<double>(span.low)) / width);
  const double above = std::ceil(std::max(0.0, static_cast<double>(span.high) - own.high) / width);
  if (!(below + above <= static_cast<double>(own.counts.size()))) return std::nullopt;
  Histogram wider{.low = own.low - below * width, .high = own.high + above * width};
  wider.counts.assign(own.counts.size() + static_cast<std::size_t>(below + above), 0);
  return CommonBins{std::move(wider), static_cast<std::size_t>(below)};
}

// The bins of the original weights; where the quantized ones don't fit, with more bins beside them, or wider ones.
CommonBins commonBins(const TileComparison& tiles, const WeightRows& weights, const WeightDescription& description,
                      const RunContext& context) {
  ValueSpan whole{description.moments.minimum, description.moments.maximum};
  std::vector<ValueSpan> spans(tileCount(weights));
  parallelFor(context, spans.size(), [&](std::size_t tile) { spans[tile] = tiles.range(tile, whole); });
  for (const ValueSpan& span : spans) whole = {std::min(whole.low, span.low), std::max(whole.high, span.high)};
  const Histogram& own = description.histogram;
  if (std::optional<CommonBins> wider = extended(own, whole)) return std::move(*wider);
  return {emptyHistogram(whole.low, whole.high, own.counts.size()), std::nullopt};
}

// The original weights on the common bins.
Histogram countedOn(const CommonBins& common, const Histogram& own, const WeightRows& weights,
                    const RunContext& context) {
  Histogram before = common.bins;
  if (common.firstOwn)
    std::copy(own.counts.begin(), own.counts.end(),
              before.counts.begin() + static_cast<std::ptrdiff_t>(*common.firstOwn));
  else
    countInto(before, weights, context);
  return before;
}

}  // namespace

WeightDescription describeWeights(const WeightRows& weights, const RunContext& context, WeightCounts counts) {
  WeightDescription description;
  std::vector<DescribedTile> tiles(tileCount(weights));
  PatternCounts patterns;
  parallelFor(context, tiles.size(),
              [&](std::size_t i) { tiles[i] = describeTile(weights, tileOf(weights, i), patterns); });
  mergeTiles(tiles, description);
  const Moments& moments = description.moments;
  description.histogram = moments.count > 0 ? emptyHistogram(moments.minimum, moments.maximum, kHistogramBins)
                                            : emptyHistogram(0, 0, kHistogramBins);
  Histogram& histogram = description.histogram;
  description.isCounted = hasPatterns(weights) || counts == WeightCounts::Now;
  if (hasPatterns(weights) && std::isfinite(moments.sumSquared))
    for (const RawBitCounts& found : patterns)
      found.addTo(weights.stored().type, histogram.low, histogram.high, histogram.counts);
  else if (description.isCounted)
    countInto(histogram, weights, context);
  fillQuartiles(weights, description.channels, context);
  return description;
}

bool QuantizedRows::hasBlocks(std::size_t groupLength) const {
  if (m_tensor == nullptr) return true;
  return m_tensor->groupIndex.empty() && m_tensor->scheme.groupLength(m_tensor->cols) == groupLength;
}

MatrixView QuantizedRows::block(const MatrixBlock& part, Matrix::Values& buffer) const {
  if (m_tensor == nullptr) return WeightRows(m_values).block(part, buffer);
  buffer.resize(part.rows * part.cols);
  dequantizeTile(*m_tensor, part.firstRow, {buffer.data(), part.rows, part.cols}, part.firstCol);
  return {buffer.data(), part.rows, part.cols};
}

bool QuantizedRows::countFromCodes(std::size_t first, std::size_t count, const Histogram& bins,
                                   std::span<std::uint64_t> counts) const {
  return m_tensor != nullptr && qs::countFromCodes(*m_tensor, first, count, bins.low, bins.high, counts);
}

void QuantizedRows::widen(ValueSpan& span, std::size_t first, std::size_t count) const {
  if (m_tensor != nullptr) return widenToRows(*m_tensor, first, count, span);
  const ValueSpan own = spanOf(m_values.middleRows(first, count).values());
  span = {std::min(span.low, own.low), std::max(span.high, own.high)};
}

WeightComparison compareWeights(const WeightRows& weights, const QuantizedRows& quantized,
                                const WeightDescription& description, std::size_t groupLength,
                                const RunContext& context, ComparisonMaps* maps) {
  assert(weights.rows() == quantized.rows() && weights.cols() == quantized.cols() && groupLength > 0);
  if (maps != nullptr)
    *maps = {AbsMaxPyramid(weights.rows(), weights.cols()), AbsMaxPyramid(weights.rows(), weights.cols())};
  const TileComparison comparer(weights, quantized, groupLength, maps);
  WeightComparison comparison;
  const CommonBins common = commonBins(comparer, weights, description, context);
  comparison.after = common.bins;
  Histogram own = description.histogram;
  const Histogram* const uncounted = description.isCounted || !common.firstOwn ? nullptr : &description.histogram;
  comparison.groupsPerRow = (weights.cols() + groupLength - 1) / groupLength;
  comparison.groupMeanSquaredError.resize(weights.rows() * comparison.groupsPerRow);
  std::vector<ComparedTile> tiles(tileCount(weights));
  parallelFor(context, tiles.size(), [&](std::size_t i) {
    tiles[i] = comparer.compare(i, uncounted, common.bins, comparison.groupMeanSquaredError);
  });
  std::vector<double> channelSquares(weights.cols(), 0.0);
  for (const ComparedTile& tile : tiles) {
    comparison.errors.merge(tile.errors);
    addCounts(tile.before, own);
    addCounts(tile.after, comparison.after);
    for (std::size_t c = 0; c < weights.cols(); ++c) channelSquares[c] += static_cast<double>(tile.channelSquares[c]);
  }
  comparison.before = countedOn(common, own, weights, context);
  comparison.channelMeanSquaredError.resize(weights.cols());
  for (std::size_t c = 0; c < weights.cols() && weights.rows() > 0; ++c)
    comparison.channelMeanSquaredError[c] = static_cast<float>(channelSquares[c] / static_cast<double>(weights.rows()));
  if (maps == nullptr) return comparison;
  maps->quantized.finish(context);
  maps->error.finish(context);
  return comparison;
}

}  // namespace qs
