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

// Four tables, `spacing` apart: neighbouring values often fall in one bin, and a counter can't be raised twice at once.
void countBins(std::span<const std::uint32_t> bins, std::uint32_t* tables, std::size_t spacing) {
  std::uint32_t* const table1 = tables + spacing;
  std::uint32_t* const table2 = table1 + spacing;
  std::uint32_t* const table3 = table2 + spacing;
  std::size_t i = 0;
  for (; i + 4 <= bins.size(); i += 4) {
    ++tables[bins[i]];
    ++table1[bins[i + 1]];
    ++table2[bins[i + 2]];
    ++table3[bins[i + 3]];
  }
  for (; i < bins.size(); ++i) ++tables[bins[i]];
}

}  // namespace

ValueSpan spanOf(std::span<const float> values) {
  ValueSpan span;
  if (!values.empty()) simd::minMax(values.data(), values.size(), values.size(), &span.low, &span.high);
  return span;
}

std::size_t binOf(float value, double low, double high, std::size_t bins) {
  const BinRule rule(low, high, bins);
  return rule(value);
}

void countValues(std::span<const float> values, double low, double high, std::span<std::uint64_t> counts) {
  assert(!counts.empty() && high > low);
  const BinRule rule(low, high, counts.size());
  alignas(64) std::array<std::uint32_t, kChunk> bins{};
  const std::size_t spacing = counts.size() <= kManyBins ? counts.size() : 0;
  std::vector<std::uint32_t> tables(counts.size() + 3 * spacing);
  for (std::size_t first = 0; first < values.size(); first += kChunk) {
    const std::size_t count = std::min(kChunk, values.size() - first);
    simd::binIndices(values.data() + first, count, rule.origin, rule.scale, rule.last, bins.data());
    countBins(std::span(bins).first(count), tables.data(), spacing);
  }
  for (std::size_t i = 0; i < tables.size(); ++i) counts[i % counts.size()] += tables[i];
}

void countValues(std::span<const float> values, std::span<const std::uint32_t> times, double low, double high,
                 std::span<std::uint64_t> counts) {
  assert(!counts.empty() && high > low && values.size() == times.size());
  const BinRule rule(low, high, counts.size());
  alignas(64) std::array<std::uint32_t, kChunk> bins{};
  for (std::size_t first = 0; first < values.size(); first += kChunk) {
    const std::size_t count = std::min(kChunk, values.size() - first);
    simd::binIndices(values.data() + first, count, rule.origin, rule.scale, rule.last, bins.data());
    for (std::size_t i = 0; i < count; ++i) counts[bins[i]] += times[first + i];
  }
}

}  // namespace qs
