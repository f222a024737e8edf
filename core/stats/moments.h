#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace qs {

/// Mergeable range and moments of some finite values. Sums in F64.
struct Moments {
  std::uint64_t count = 0;
  double sum = 0;
  double sumSquared = 0;
  double sumCubed = 0;
  double sumFourth = 0;
  float minimum = std::numeric_limits<float>::infinity();
  float maximum = -std::numeric_limits<float>::infinity();

  void add(std::span<const float> values);
  void merge(const Moments& other);

  [[nodiscard]] float absMax() const;  ///< 0 of no values
  [[nodiscard]] double mean() const;
  [[nodiscard]] double standardDeviation() const;  ///< of the population
  /// Fourth central moment over the squared variance (3 for a normal distribution); 0 where the variance is 0.
  [[nodiscard]] double kurtosis() const;
};

}  // namespace qs
