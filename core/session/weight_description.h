#pragma once

#include <vector>

#include "core/base/run_context.h"
#include "core/session/quant_report.h"
#include "core/tensor/matrix.h"

namespace qs {

inline constexpr std::size_t kHistogramBins = 256;
inline constexpr std::size_t kMaximumPoints = 2'000;  ///< of any chart-ready array

/// Rows of the fixed tile grid over a matrix of this width, about a quarter million values: the same for every thread
/// count, so that merging tiles in order gives the same bits.
[[nodiscard]] std::size_t tileRows(std::size_t cols);

/// Least and largest value of each column.
struct ColumnRanges {
  std::vector<float> minimum;
  std::vector<float> maximum;
};
[[nodiscard]] ColumnRanges columnRanges(MatrixView weights, const RunContext& context);

/// Counts on kHistogramBins equal bins over [low, high].
[[nodiscard]] Histogram histogramOf(MatrixView weights, double low, double high, const RunContext& context);

/// Bands over the input channels (without errors), pooled to kMaximumPoints.
[[nodiscard]] ChannelBands channelBands(MatrixView weights, const ColumnRanges& ranges, const RunContext& context);

/// The `count` channels of largest magnitude that are at least `leastRatio` times the median channel's, strongest
/// first.
[[nodiscard]] std::vector<OutlierChannel> outlierChannels(const ColumnRanges& ranges, std::size_t count,
                                                          float leastRatio);

/// Moments of all values, summed in F64.
struct WeightMoments {
  double mean = 0;
  double standardDeviation = 0;  ///< of the population
  double kurtosis = 0;           ///< fourth standardized moment: 3 for a normal distribution
};
[[nodiscard]] WeightMoments momentsOf(MatrixView weights, const RunContext& context);

/// Everything about a layer that doesn't depend on settings: `before` histogram, bands and outliers.
void describeWeights(MatrixView weights, LayerReport& report, const RunContext& context);

}  // namespace qs
