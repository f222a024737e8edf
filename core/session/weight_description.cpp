#include "core/session/weight_description.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/parallel.h"

namespace qs {

namespace {

constexpr std::size_t kTileValues = 256 * 1024;
constexpr float kOutlierRatio = 3.0F;  // to the median channel; below that nothing stands out
constexpr std::size_t kOutliers = 20;
constexpr std::size_t kColumnBlock = 16;  // columns gathered together: a cache line of each row

std::size_t tileCount(MatrixView weights) {
  const std::size_t rows = tileRows(weights.cols);
  return (weights.rows + rows - 1) / rows;
}

MatrixView tileOf(MatrixView weights, std::size_t tile) {
  const std::size_t first = tile * tileRows(weights.cols);
  return weights.middleRows(first, std::min(tileRows(weights.cols), weights.rows - first));
}

ColumnRanges rangesOfTile(MatrixView tile) {
  ColumnRanges ranges{std::vector<float>(tile.row(0).begin(), tile.row(0).end()),
                      std::vector<float>(tile.row(0).begin(), tile.row(0).end())};
  float* low = ranges.minimum.data();
  float* high = ranges.maximum.data();
  for (std::size_t r = 1; r < tile.rows; ++r) {
    const float* row = tile.row(r).data();
    for (std::size_t c = 0; c < tile.cols; ++c) {
      low[c] = row[c] < low[c] ? row[c] : low[c];
      high[c] = row[c] > high[c] ? row[c] : high[c];
    }
  }
  return ranges;
}

// Four tables, so that neighbouring equal values don't wait for each other's count.
void countTile(std::span<const float> values, float low, float scale, std::array<std::uint32_t, 4 * kHistogramBins>& t) {
  constexpr std::size_t kChunk = 1024;
  std::array<std::int32_t, kChunk> bins{};
  for (std::size_t first = 0; first < values.size(); first += kChunk) {
    const std::size_t count = std::min(kChunk, values.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const float position = (values[first + i] - low) * scale;
      const float clamped = std::min(std::max(position, 0.0F), static_cast<float>(kHistogramBins - 1));
      bins[i] = static_cast<std::int32_t>(clamped);
    }
    for (std::size_t i = 0; i < count; ++i) ++t[(i & 3U) * kHistogramBins + static_cast<std::size_t>(bins[i])];
  }
}

float quantile(std::vector<float>& values, double q) {
  const auto rank = static_cast<std::ptrdiff_t>(std::llround(q * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

// Quartiles of the columns named by representative[first..first+count-1].
void fillQuartiles(MatrixView weights, const std::vector<std::uint32_t>& representative, std::size_t first,
                   ChannelBands& bands) {
  const std::size_t count = std::min(kColumnBlock, representative.size() - first);
  std::vector<std::vector<float>> columns(count, std::vector<float>(weights.rows));
  for (std::size_t r = 0; r < weights.rows; ++r)
    for (std::size_t i = 0; i < count; ++i) columns[i][r] = weights(r, representative[first + i]);
  for (std::size_t i = 0; i < count; ++i) {
    bands.lowerQuartile[first + i] = quantile(columns[i], 0.25);
    bands.median[first + i] = quantile(columns[i], 0.5);
    bands.upperQuartile[first + i] = quantile(columns[i], 0.75);
  }
}

std::vector<float> absMaxOf(const ColumnRanges& ranges) {
  std::vector<float> absMax(ranges.minimum.size());
  for (std::size_t c = 0; c < absMax.size(); ++c)
    absMax[c] = std::max(std::abs(ranges.minimum[c]), std::abs(ranges.maximum[c]));
  return absMax;
}

}  // namespace

std::size_t tileRows(std::size_t cols) { return std::max<std::size_t>(1, kTileValues / std::max<std::size_t>(cols, 1)); }

ColumnRanges columnRanges(MatrixView weights, const RunContext& context) {
  std::vector<ColumnRanges> parts(tileCount(weights));
  parallelFor(context, parts.size(), [&](std::size_t t) { parts[t] = rangesOfTile(tileOf(weights, t)); });
  ColumnRanges all = std::move(parts.front());
  for (std::size_t t = 1; t < parts.size(); ++t)
    for (std::size_t c = 0; c < weights.cols; ++c) {
      all.minimum[c] = std::min(all.minimum[c], parts[t].minimum[c]);
      all.maximum[c] = std::max(all.maximum[c], parts[t].maximum[c]);
    }
  return all;
}

Histogram histogramOf(MatrixView weights, double low, double high, const RunContext& context) {
  const double width = high > low ? high - low : 1.0;
  Histogram result{low, low + width, std::vector<std::uint64_t>(kHistogramBins, 0)};
  const auto scale = static_cast<float>(static_cast<double>(kHistogramBins) / width);
  std::vector<std::array<std::uint32_t, 4 * kHistogramBins>> parts(tileCount(weights));
  parallelFor(context, parts.size(), [&](std::size_t t) {
    countTile(tileOf(weights, t).values(), static_cast<float>(low), scale, parts[t]);
  });
  for (const auto& part : parts)
    for (std::size_t i = 0; i < part.size(); ++i) result.counts[i % kHistogramBins] += part[i];
  return result;
}

ChannelBands channelBands(MatrixView weights, const ColumnRanges& ranges, const RunContext& context) {
  const std::vector<float> absMax = absMaxOf(ranges);
  const std::size_t pool = (weights.cols + kMaximumPoints - 1) / kMaximumPoints;
  const std::size_t points = (weights.cols + pool - 1) / pool;
  ChannelBands bands;
  bands.channels = weights.cols;
  for (std::vector<float>* band :
       {&bands.minimum, &bands.lowerQuartile, &bands.median, &bands.upperQuartile, &bands.maximum, &bands.absMax})
    band->resize(points);
  std::vector<std::uint32_t> representative(points);
  for (std::size_t p = 0; p < points; ++p) {
    const auto first = static_cast<std::ptrdiff_t>(p * pool);
    const auto last = static_cast<std::ptrdiff_t>(std::min((p + 1) * pool, weights.cols));
    bands.first.push_back(static_cast<std::uint32_t>(first));
    bands.minimum[p] = *std::min_element(ranges.minimum.begin() + first, ranges.minimum.begin() + last);
    bands.maximum[p] = *std::max_element(ranges.maximum.begin() + first, ranges.maximum.begin() + last);
    const auto largest = std::max_element(absMax.begin() + first, absMax.begin() + last);
    bands.absMax[p] = *largest;
    representative[p] = static_cast<std::uint32_t>(largest - absMax.begin());
  }
  parallelFor(context, (points + kColumnBlock - 1) / kColumnBlock,
              [&](std::size_t block) { fillQuartiles(weights, representative, block * kColumnBlock, bands); });
  return bands;
}

std::vector<OutlierChannel> outlierChannels(const ColumnRanges& ranges, std::size_t count, float leastRatio) {
  const std::vector<float> absMax = absMaxOf(ranges);
  std::vector<float> sorted = absMax;
  const float median = quantile(sorted, 0.5);
  std::vector<std::uint32_t> order(absMax.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return absMax[a] > absMax[b]; });
  std::vector<OutlierChannel> outliers;
  for (const std::uint32_t channel : order) {
    const float ratio = median > 0 ? absMax[channel] / median : 0.0F;
    if (outliers.size() == count || ratio < leastRatio) break;
    outliers.push_back({channel, absMax[channel], ratio});
  }
  return outliers;
}

WeightMoments momentsOf(MatrixView weights, const RunContext& context) {
  std::vector<std::array<double, 3>> parts(tileCount(weights));
  const auto count = static_cast<double>(weights.rows * weights.cols);
  parallelFor(context, parts.size(), [&](std::size_t t) {
    for (const float value : tileOf(weights, t).values()) parts[t][0] += value;
  });
  double mean = 0;
  for (const auto& part : parts) mean += part[0];
  mean /= count;
  parallelFor(context, parts.size(), [&](std::size_t t) {
    for (const float value : tileOf(weights, t).values()) {
      const double square = (value - mean) * (value - mean);
      parts[t][1] += square;
      parts[t][2] += square * square;
    }
  });
  double second = 0;
  double fourth = 0;
  for (const auto& part : parts) {
    second += part[1];
    fourth += part[2];
  }
  const double variance = second / count;
  return {mean, std::sqrt(variance), variance > 0 ? fourth / count / (variance * variance) : 0.0};
}

void describeWeights(MatrixView weights, LayerReport& report, const RunContext& context) {
  const ColumnRanges ranges = columnRanges(weights, context);
  const auto low = *std::min_element(ranges.minimum.begin(), ranges.minimum.end());
  const auto high = *std::max_element(ranges.maximum.begin(), ranges.maximum.end());
  report.before = histogramOf(weights, low, high, context);
  report.channels = channelBands(weights, ranges, context);
  report.outliers = outlierChannels(ranges, kOutliers, kOutlierRatio);
}

}  // namespace qs
