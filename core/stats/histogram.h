#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qs {

/// Counts of values in equal bins over [low, high]; values outside go to the first and last bin.
struct Histogram {
  double low = 0;
  double high = 1;
  std::vector<std::uint64_t> counts;

  [[nodiscard]] double binWidth() const {
    return counts.empty() ? 0.0 : (high - low) / static_cast<double>(counts.size());
  }
  /// Adds the counts of a histogram with the same edges.
  void merge(const Histogram& other);
  bool operator==(const Histogram&) const = default;
};

}  // namespace qs
