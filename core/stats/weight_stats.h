#pragma once

#include <cstddef>
#include <vector>

#include "core/base/run_context.h"
#include "core/stats/channel_stats.h"
#include "core/stats/error_stats.h"
#include "core/stats/histogram.h"
#include "core/stats/moments.h"
#include "core/tensor/matrix.h"

namespace qs {

inline constexpr std::size_t kHistogramBins = 256;

/// What a layer's weights look like before any quantization. Depends on no setting: make it once a layer.
struct WeightDescription {
  Moments moments;
  Histogram histogram;    ///< equal bins over [minimum, maximum]; around the value where all are equal
  ChannelStats channels;  ///< without meanSquaredError
};

/// How quantized weights differ from the original ones. All of it from one pass over both matrices.
struct WeightComparison {
  ErrorStats errors;
  Histogram before;                            ///< the original weights on equal bins over the common range
  Histogram after;                             ///< the quantized weights on the same bins
  std::vector<float> channelMeanSquaredError;  ///< [in]
  std::vector<float> groupMeanSquaredError;    ///< [out, groups of groupLength inputs], row-major
  std::size_t groupsPerRow = 1;
};

/// Describes weights [out, in], all finite. Range, abs-max and moments are exact; the channels' quartiles and medians
/// come from every row up to 1,024 of them, else from 1,024 rows spaced evenly. Runs in the arena at work. Throws
/// Cancelled.
[[nodiscard]] WeightDescription describeWeights(MatrixView weights, const RunContext& context,
                                                std::size_t bins = kHistogramBins);

/// Compares quantized (dequantized) weights with the original ones, both [out, in]; `groupLength` inputs make a group
/// (QuantScheme::groupLength). `description` is that of the original weights. Runs in the arena at work. Throws
/// Cancelled.
[[nodiscard]] WeightComparison compareWeights(MatrixView weights, MatrixView quantized,
                                              const WeightDescription& description, std::size_t groupLength,
                                              const RunContext& context);

}  // namespace qs
