#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

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

/// How many values lie in each of `bins` equal bins over [low, high], by the rule of binOf. Up to kPairedBins bins,
/// two neighbouring values are counted at once, as a pair of bins: half as many counters to raise, which is what takes
/// the time, and seldom the one that was just raised.
class BinCounts {
 public:
  static constexpr std::size_t kPairedBins = 256;

  BinCounts(double low, double high, std::size_t bins);

  void add(std::span<const float> values);
  /// Adds the counts so far to `counts`, of as many bins.
  void addTo(std::span<std::uint64_t> counts);

 private:
  void addPairs(std::span<const float> values);
  void addSingly(std::span<const float> values);
  void foldPairs();

  double m_low;
  double m_high;
  std::vector<std::uint64_t> m_counts;
  std::vector<std::uint32_t> m_pairs;  // [second bin][first bin]; empty where there are too many bins
  std::size_t m_unfolded = 0;          // pairs counted in m_pairs
};

/// Adds to counts[i] how many values lie in bin i of counts.size() equal bins over [low, high], by the rule of
/// binOf.
void countValues(std::span<const float> values, double low, double high, std::span<std::uint64_t> counts);
/// The same where values[i] occurs times[i] times.
void countValues(std::span<const float> values, std::span<const std::uint32_t> times, double low, double high,
                 std::span<std::uint64_t> counts);

}  // namespace qs
