#pragma once

#include <QString>
#include <vector>

namespace qs {

/// Where an axis has its marks, in data coordinates, with their texts.
struct AxisTicks {
  std::vector<double> major;
  std::vector<QString> labels;  ///< one for each mark
  bool operator==(const AxisTicks&) const = default;
};

inline constexpr int kMostTicks = 12;

/// Marks at multiples of 1, 2 or 5 times a power of ten inside [low, high]: at most `most` (2…12) of them. `whole`
/// keeps the step at 1 or more (counts, channels). Empty where the range is empty or not finite.
[[nodiscard]] AxisTicks linearTicks(double low, double high, int most = 8, bool whole = false);

/// Marks at the powers of ten inside [low, high] (every n-th so that at most `most` remain). Both ends positive; empty
/// otherwise.
[[nodiscard]] AxisTicks decadeTicks(double low, double high, int most = 8);

/// The smallest range of whole decades around [low, high], at least one decade; both positive.
struct DecadeRange {
  double low = 1;
  double high = 10;
};
[[nodiscard]] DecadeRange wholeDecades(double low, double high);

}  // namespace qs
