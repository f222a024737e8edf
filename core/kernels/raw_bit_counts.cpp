#include "core/kernels/raw_bit_counts.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "core/kernels/histogram_count.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

constexpr std::size_t kTables = 2;
constexpr std::size_t kChunk = std::size_t{1} << 17U;  // bytes
constexpr std::size_t kSample = 256;                   // values at the start of a chunk

// Whether values are often what the one before is, as zeros of a sparse tensor are.
bool repeats(std::span<const std::byte> chunk) {
  std::array<std::uint16_t, kSample> values;
  if (chunk.size() < sizeof values) return true;
  std::memcpy(values.data(), chunk.data(), sizeof values);
  std::size_t equal = 0;
  for (std::size_t i = 1; i < values.size(); ++i) equal += values[i] == values[i - 1] ? 1 : 0;
  return equal > kSample / 16;
}

}  // namespace

RawBitCounts::RawBitCounts() : m_tables(kTables * kPatterns) {}

void RawBitCounts::add(std::span<const std::byte> bytes) {
  while (bytes.size() >= 2) {
    const auto chunk = bytes.first(std::min(bytes.size(), kChunk));
    addChunk(chunk);
    bytes = bytes.subspan(chunk.size());
  }
}

void RawBitCounts::addChunk(std::span<const std::byte> bytes) {
  std::uint32_t* const table0 = m_tables.data();
  // A second table costs space in the fastest cache.
  std::uint32_t* const table1 = repeats(bytes) ? table0 + kPatterns : table0;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t four = 0;
    std::memcpy(&four, bytes.data() + i, sizeof four);
    ++table0[four & 0xFFFFU];
    ++table1[four >> 16U & 0xFFFFU];
    ++table0[four >> 32U & 0xFFFFU];
    ++table1[four >> 48U];
  }
  for (; i + 2 <= bytes.size(); i += 2) {
    std::uint16_t pattern = 0;
    std::memcpy(&pattern, bytes.data() + i, sizeof pattern);
    ++table0[pattern];
  }
}

void RawBitCounts::merge(const RawBitCounts& other) {
  for (std::size_t i = 0; i < m_tables.size(); ++i) m_tables[i] += other.m_tables[i];
}

std::uint64_t RawBitCounts::count(std::size_t pattern) const {
  std::uint64_t sum = 0;
  for (std::size_t table = 0; table < kTables; ++table) sum += m_tables[table * kPatterns + pattern];
  return sum;
}

void RawBitCounts::addTo(DType type, double low, double high, std::span<std::uint64_t> counts) const {
  assert(type == DType::F16 || type == DType::BF16);
  for (std::size_t pattern = 0; pattern < kPatterns; ++pattern) {
    const std::uint64_t occurs = count(pattern);
    if (occurs == 0) continue;
    const auto bits = static_cast<std::uint16_t>(pattern);
    const float value = type == DType::F16 ? halfToFloat(bits) : bfloat16ToFloat(bits);
    counts[binOf(value, low, high, counts.size())] += occurs;
  }
}

}  // namespace qs
