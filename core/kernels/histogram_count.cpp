#include "core/kernels/histogram_count.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <vector>

#include "core/kernels/grid_simd.h"
#include "core/kernels/stats_simd.h"

namespace qs {

namespace {

constexpr std::size_t kChunk = 1024;
constexpr std::size_t kTables = 4;
constexpr std::size_t kManyBins = 4096;  // beyond, four tables no longer fit the fastest cache

struct BinRule {
  BinRule(double low, double high, std::size_t bins)
      : origin(static_cast<float>(low)),
        scale(static_cast<float>(static_cast<double>(bins) / (high - low))),
        last(static_cast<float>(bins - 1)) {}
  std::size_t operator()(float value) const {
    return static_cast<std::size_t>(std::clamp((value - origin) * scale, 0.0F, last));
  }

  float origin;
  float scale;
  float last;
};

}  // namespace

ValueSpan spanOf(std::span<const float> values) {
  ValueSpan span;
  if (!values.empty()) simd::minMax(values.data(), values.size(), &span.low, &span.high);
  return span;
}

std::size_t binOf(float value, double low, double high, std::size_t bins) {
  const BinRule rule(low, high, bins);
  return rule(value);
}

void countValues(std::span<const float> values, double low, double high, std::span<std::uint64_t> counts) {
  assert(!counts.empty() && high > low);
  const BinRule rule(low, high, counts.size());
  std::array<std::uint32_t, kChunk> bins{};
  // Several tables: neighbouring values often fall in one bin, and a counter can't be raised twice at once.
  const std::size_t tables = counts.size() <= kManyBins ? kTables : 1;
  std::vector<std::uint32_t> table(tables * counts.size());
  for (std::size_t first = 0; first < values.size(); first += kChunk) {
    const std::size_t count = std::min(kChunk, values.size() - first);
    simd::binIndices(values.data() + first, count, rule.origin, rule.scale, rule.last, bins.data());
    for (std::size_t i = 0; i < count; ++i) ++table[(i % tables) * counts.size() + bins[i]];
  }
  for (std::size_t i = 0; i < table.size(); ++i) counts[i % counts.size()] += table[i];
}

}  // namespace qs
