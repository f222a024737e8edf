#include "core/session/channel_bands.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qs {

namespace {

// Channels firstOf(p)..firstOf(p+1)-1 make point p.
struct Pooling {
  std::size_t channels;
  std::size_t pool;
  std::size_t points;

  [[nodiscard]] std::ptrdiff_t firstOf(std::size_t point) const {
    return static_cast<std::ptrdiff_t>(std::min(point * pool, channels));
  }
};

Pooling poolingOf(std::size_t channels) {
  const std::size_t pool = std::max<std::size_t>(1, (channels + kMaximumPoints - 1) / kMaximumPoints);
  return {channels, pool, (channels + pool - 1) / pool};
}

}  // namespace

ChannelBands channelBands(const ChannelStats& channels) {
  const Pooling pooling = poolingOf(channels.size());
  ChannelBands bands;
  bands.channels = channels.size();
  for (std::size_t p = 0; p < pooling.points; ++p) {
    const std::ptrdiff_t first = pooling.firstOf(p);
    const std::ptrdiff_t last = pooling.firstOf(p + 1);
    const auto largest = std::max_element(channels.absMax.begin() + first, channels.absMax.begin() + last);
    const auto strongest = static_cast<std::size_t>(largest - channels.absMax.begin());
    bands.first.push_back(static_cast<std::uint32_t>(first));
    bands.minimum.push_back(*std::min_element(channels.minimum.begin() + first, channels.minimum.begin() + last));
    bands.maximum.push_back(*std::max_element(channels.maximum.begin() + first, channels.maximum.begin() + last));
    bands.lowerQuartile.push_back(channels.lowerQuartile[strongest]);
    bands.median.push_back(channels.median[strongest]);
    bands.upperQuartile.push_back(channels.upperQuartile[strongest]);
    bands.absMax.push_back(*largest);
  }
  return bands;
}

void setChannelErrors(const std::vector<float>& meanSquaredErrors, ChannelBands& bands) {
  const Pooling pooling = poolingOf(meanSquaredErrors.size());
  bands.error.clear();
  for (std::size_t p = 0; p < pooling.points; ++p)
    bands.error.push_back(std::sqrt(*std::max_element(meanSquaredErrors.begin() + pooling.firstOf(p),
                                                      meanSquaredErrors.begin() + pooling.firstOf(p + 1))));
}

std::vector<OutlierChannel> outlierChannels(const std::vector<float>& absMax, std::size_t count, float leastRatio) {
  if (absMax.empty()) return {};
  std::vector<std::uint32_t> order(absMax.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return absMax[a] > absMax[b]; });
  const float median = absMax[order[order.size() / 2]];
  std::vector<OutlierChannel> outliers;
  for (const std::uint32_t channel : order) {
    const float ratio = median > 0 ? absMax[channel] / median : 0.0F;
    if (outliers.size() == count || ratio < leastRatio) break;
    outliers.push_back({channel, absMax[channel], ratio});
  }
  return outliers;
}

std::vector<float> groupErrors(const std::vector<float>& meanSquaredErrors, std::size_t groups) {
  if (groups == 0) return {};
  const std::size_t rows = meanSquaredErrors.size() / groups;
  const Pooling pooling = poolingOf(groups);
  std::vector<double> sums(groups, 0.0);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t g = 0; g < groups; ++g) sums[g] += static_cast<double>(meanSquaredErrors[r * groups + g]);
  std::vector<float> errors;
  for (std::size_t p = 0; p < pooling.points; ++p) {
    const double largest = *std::max_element(sums.begin() + pooling.firstOf(p), sums.begin() + pooling.firstOf(p + 1));
    errors.push_back(static_cast<float>(std::sqrt(largest / static_cast<double>(std::max<std::size_t>(rows, 1)))));
  }
  return errors;
}

}  // namespace qs
