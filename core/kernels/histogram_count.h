#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace qs {

/// Smallest and largest value; the neutral element of merging when there are none.
struct ValueSpan {
  float low = std::numeric_limits<float>::infinity();
  float high = -std::numeric_limits<float>::infinity();
};
[[nodiscard]] ValueSpan spanOf(std::span<const float> values);

/// The bin of a value among `bins` equal bins over [low, high]: floor((x − low) · (bins / (high − low))) in F32, values
/// outside in the first and last bin.
[[nodiscard]] std::size_t binOf(float value, double low, double high, std::size_t bins);

/// Adds to counts[i] how many values lie in bin i of counts.size() equal bins over [low, high], by the rule of
/// binOf.
void countValues(std::span<const float> values, double low, double high, std::span<std::uint64_t> counts);
/// The same where values[i] occurs times[i] times.
void countValues(std::span<const float> values, std::span<const std::uint32_t> times, double low, double high,
                 std::span<std::uint64_t> counts);

}  // namespace qs
