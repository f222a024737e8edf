#include "core/kernels/histogram_count.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>
#include <vector>

#include "core/kernels/grid_simd.h"
#include "core/kernels/stats_simd.h"

namespace qs {

namespace {

constexpr std::size_t kChunk = 1024;
constexpr std::size_t kPairedChunk = 8192;  // long enough for the memory to be read ahead
constexpr std::size_t kManyBins = 4096;     // beyond, four tables no longer fit the fastest cache
constexpr std::size_t kPairs = BinCounts::kPairedBins * BinCounts::kPairedBins;
constexpr std::size_t kMostPairs = std::numeric_limits<std::int32_t>::max();  // so that no sum of counters overflows

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

BinCounts::BinCounts(double low, double high, std::size_t bins)
    : m_low(low), m_high(high), m_counts(bins), m_pairs(bins <= kPairedBins ? kPairs : 0) {
  assert(bins > 0 && high > low);
}

void BinCounts::add(std::span<const float> values) {
  if (m_pairs.empty()) return addSingly(values);
  for (std::size_t first = 0; first < values.size(); first += kPairedChunk)
    addPairs(values.subspan(first, std::min(kPairedChunk, values.size() - first)));
}

void BinCounts::addPairs(std::span<const float> values) {
  const BinRule rule(m_low, m_high, m_counts.size());
  alignas(64) std::array<std::uint8_t, kPairedChunk> bins;
  simd::binIndices(values.data(), values.size(), rule.origin, rule.scale, rule.last, bins.data());
  const std::size_t pairs = values.size() / 2;
  if (values.size() % 2 != 0) ++m_counts[bins[values.size() - 1]];
  if (m_unfolded + pairs > kMostPairs) foldPairs();
  m_unfolded += pairs;
  std::uint32_t* const counters = m_pairs.data();
  std::size_t i = 0;
  for (; i + 4 <= pairs; i += 4) {
    std::uint64_t four = 0;
    std::memcpy(&four, &bins[2 * i], sizeof four);
    ++counters[four & 0xFFFFU];
    ++counters[four >> 16U & 0xFFFFU];
    ++counters[four >> 32U & 0xFFFFU];
    ++counters[four >> 48U];
  }
  for (; i < pairs; ++i) ++counters[bins[2 * i] | std::size_t{bins[2 * i + 1]} << 8U];
}

void BinCounts::foldPairs() {
  std::array<std::uint32_t, kPairedBins> either{};
  simd::foldPairs(m_pairs.data(), either.data());
  for (std::size_t i = 0; i < m_counts.size(); ++i) m_counts[i] += either[i];
  std::fill(m_pairs.begin(), m_pairs.end(), std::uint32_t{0});
  m_unfolded = 0;
}

void BinCounts::addSingly(std::span<const float> values) {
  const BinRule rule(m_low, m_high, m_counts.size());
  alignas(64) std::array<std::uint32_t, kChunk> bins{};
  const std::size_t spacing = m_counts.size() <= kManyBins ? m_counts.size() : 0;
  std::vector<std::uint32_t> tables(m_counts.size() + 3 * spacing);
  for (std::size_t first = 0; first < values.size(); first += kChunk) {
    const std::size_t count = std::min(kChunk, values.size() - first);
    simd::binIndices(values.data() + first, count, rule.origin, rule.scale, rule.last, bins.data());
    countBins(std::span(bins).first(count), tables.data(), spacing);
  }
  for (std::size_t i = 0; i < tables.size(); ++i) m_counts[i % m_counts.size()] += tables[i];
}

void BinCounts::addTo(std::span<std::uint64_t> counts) {
  assert(counts.size() == m_counts.size());
  if (m_unfolded > 0) foldPairs();
  for (std::size_t i = 0; i < m_counts.size(); ++i) counts[i] += m_counts[i];
}

void countValues(std::span<const float> values, double low, double high, std::span<std::uint64_t> counts) {
  BinCounts found(low, high, counts.size());
  found.add(values);
  found.addTo(counts);
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
