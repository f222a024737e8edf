#pragma once

#include <cstddef>
#include <vector>

#include "core/session/quant_report.h"
#include "core/stats/channel_stats.h"

namespace qs {

inline constexpr std::size_t kMaximumPoints = 2'000;  ///< of any chart-ready array

/// Bands over the input channels, pooled to kMaximumPoints; without errors.
[[nodiscard]] ChannelBands channelBands(const ChannelStats& channels);
/// Fills in `bands.error` from each channel's mean squared error [in]: the largest of the channels of a point.
void setChannelErrors(const std::vector<float>& meanSquaredErrors, ChannelBands& bands);

/// The `count` channels of largest magnitude that have at least `leastRatio` times the median channel's, strongest
/// first; equal ones in channel order. None where the median channel is all zero.
[[nodiscard]] std::vector<OutlierChannel> outlierChannels(const std::vector<float>& absMax, std::size_t count,
                                                          float leastRatio);

/// RMS error of each group of inputs over all rows from the groups' mean squared errors [rows, groups], pooled to
/// kMaximumPoints with the largest kept.
[[nodiscard]] std::vector<float> groupErrors(const std::vector<float>& meanSquaredErrors, std::size_t groups);

}  // namespace qs
