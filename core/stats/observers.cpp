#include "core/stats/observers.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <functional>
#include <vector>

#include "core/base/parallel.h"
#include "core/kernels/histogram_count.h"
#include "core/stats/observer_search.h"

namespace qs {

namespace {

constexpr std::size_t kTile = std::size_t{1} << 18;

// Calls body(index, values) for fixed runs of the sample, in parallel. With `absolute` the values are magnitudes.
void forTiles(MatrixView sample, bool absolute, const RunContext& context,
              const std::function<void(std::size_t, std::span<const float>)>& body) {
  const auto all = sample.values();
  parallelFor(context, (all.size() + kTile - 1) / kTile, [&](std::size_t i) {
    const auto run = all.subspan(i * kTile, std::min(kTile, all.size() - i * kTile));
    if (!absolute) return body(i, run);
    std::vector<float> magnitudes(run.begin(), run.end());
    for (float& value : magnitudes) value = std::abs(value);
    body(i, magnitudes);
  });
}

std::size_t tileCount(MatrixView sample) { return (sample.values().size() + kTile - 1) / kTile; }

ValueSpan spanOfSample(MatrixView sample, bool absolute, const RunContext& context) {
  std::vector<ValueSpan> spans(tileCount(sample));
  forTiles(sample, absolute, context, [&](std::size_t i, std::span<const float> run) { spans[i] = spanOf(run); });
  ValueSpan whole;
  for (const ValueSpan& span : spans) whole = {std::min(whole.low, span.low), std::max(whole.high, span.high)};
  return whole;
}

Histogram histogramOf(MatrixView sample, bool absolute, double low, double high, std::size_t bins,
                      const RunContext& context) {
  std::vector<std::vector<std::uint64_t>> tables(tileCount(sample));
  forTiles(sample, absolute, context, [&](std::size_t i, std::span<const float> run) {
    tables[i].assign(bins, 0);
    countValues(run, low, high, tables[i]);
  });
  Histogram histogram{.low = low, .high = high, .counts = std::vector<std::uint64_t>(bins, 0)};
  for (const auto& table : tables)
    for (std::size_t b = 0; b < bins; ++b) histogram.counts[b] += table[b];
  return histogram;
}

// The order statistic of that rank, exactly: only the values of its bin are looked at.
float orderStatistic(MatrixView sample, bool absolute, const Histogram& histogram, std::uint64_t rank,
                     const RunContext& context) {
  std::size_t bin = 0;
  while (rank >= histogram.counts[bin]) rank -= histogram.counts[bin++];
  std::vector<std::vector<float>> found(tileCount(sample));
  forTiles(sample, absolute, context, [&](std::size_t i, std::span<const float> run) {
    for (const float value : run)
      if (binOf(value, histogram.low, histogram.high, histogram.counts.size()) == bin) found[i].push_back(value);
  });
  std::vector<float> values;
  for (const auto& part : found) values.insert(values.end(), part.begin(), part.end());
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// Linear interpolation between order statistics, as numpy's default.
float percentileOf(MatrixView sample, bool absolute, const Histogram& histogram, double percent,
                   const RunContext& context) {
  const auto count = static_cast<double>(sample.values().size());
  const double position = std::clamp(percent / 100.0, 0.0, 1.0) * (count - 1);
  const auto below = static_cast<std::uint64_t>(position);
  const float low = orderStatistic(sample, absolute, histogram, below, context);
  const double fraction = position - static_cast<double>(below);
  if (fraction == 0) return low;
  const float high = orderStatistic(sample, absolute, histogram, below + 1, context);
  return static_cast<float>(static_cast<double>(low) +
                            (static_cast<double>(high) - static_cast<double>(low)) * fraction);
}

ObservedRange percentileRange(MatrixView sample, const ObserverOptions& options, ValueSpan span,
                              const RunContext& context) {
  constexpr std::size_t kBins = 1 << 14;
  const Histogram histogram = histogramOf(sample, options.symmetric, static_cast<double>(span.low),
                                          static_cast<double>(span.high), kBins, context);
  const float high = percentileOf(sample, options.symmetric, histogram, options.percentile, context);
  if (options.symmetric) return {-high, high};
  return {percentileOf(sample, false, histogram, 100.0 - options.percentile, context), high};
}

ObservedRange minMax(std::span<const std::pair<float, float>> batches) {
  ObservedRange range{batches.front().first, batches.front().second};
  for (const auto& [low, high] : batches) range = {std::min(range.low, low), std::max(range.high, high)};
  return range;
}

ObservedRange movingAverage(std::span<const std::pair<float, float>> batches) {
  constexpr float kAveraging = 0.01F;
  ObservedRange range{batches.front().first, batches.front().second};
  for (const auto& [low, high] : batches.subspan(1)) {
    range.low += kAveraging * (low - range.low);
    range.high += kAveraging * (high - range.high);
  }
  return range;
}

ObservedRange searchSample(MatrixView sample, const ObserverOptions& options, const RunContext& context) {
  const bool absolute =
      options.kind == ObserverKind::Entropy || (options.symmetric && options.kind != ObserverKind::Histogram);
  const ValueSpan span = spanOfSample(sample, absolute, context);
  if (!(span.high > span.low)) return {span.low, span.high};
  if (options.kind == ObserverKind::Percentile) return percentileRange(sample, options, span, context);
  const double low = absolute ? 0.0 : static_cast<double>(span.low);
  const Histogram histogram =
      histogramOf(sample, absolute, low, static_cast<double>(span.high), kObserverBins, context);
  if (options.kind == ObserverKind::Mse) return searchLeastSquares(histogram, options.symmetric, context);
  if (options.kind == ObserverKind::Histogram) return searchQuantileMarks(histogram, context);
  const auto threshold = static_cast<float>(searchEntropy(histogram, context).threshold);
  return {-threshold, threshold};
}

constexpr std::array<std::pair<std::string_view, ObserverKind>, 6> kNames = {
    std::pair{std::string_view("min-max"), ObserverKind::MinMax},
    {"moving-average", ObserverKind::MovingAverage},
    {"percentile", ObserverKind::Percentile},
    {"mse", ObserverKind::Mse},
    {"histogram", ObserverKind::Histogram},
    {"entropy", ObserverKind::Entropy}};

}  // namespace

ObserverKind observerKind(std::string_view name) {
  const auto* found =
      std::find_if(kNames.begin(), kNames.end(), [&](const auto& entry) { return entry.first == name; });
  assert(found != kNames.end());
  return found != kNames.end() ? found->second : ObserverKind::MinMax;
}

ObservedRange observeRange(const ObservedInputs& inputs, const ObserverOptions& options, const RunContext& context) {
  const bool fromBatches = options.kind == ObserverKind::MinMax || options.kind == ObserverKind::MovingAverage;
  if (fromBatches && inputs.batchRanges.empty()) return {};
  if (options.kind == ObserverKind::MinMax) return minMax(inputs.batchRanges);
  if (options.kind == ObserverKind::MovingAverage) return movingAverage(inputs.batchRanges);
  if (inputs.sample.values().empty()) return {};
  return searchSample(inputs.sample, options, context);
}

}  // namespace qs
