#include "core/stats/moments.h"

#include <algorithm>
#include <cmath>

namespace qs {

void Moments::add(std::span<const float> values) {
  count += values.size();
  for (const float value : values) {
    const double x = static_cast<double>(value);
    sum += x;
    sumSquared += x * x;
    sumCubed += x * x * x;
    sumFourth += (x * x) * (x * x);
    minimum = std::min(minimum, value);
    maximum = std::max(maximum, value);
  }
}

void Moments::merge(const Moments& other) {
  count += other.count;
  sum += other.sum;
  sumSquared += other.sumSquared;
  sumCubed += other.sumCubed;
  sumFourth += other.sumFourth;
  minimum = std::min(minimum, other.minimum);
  maximum = std::max(maximum, other.maximum);
}

float Moments::absMax() const { return count > 0 ? std::max(std::abs(minimum), std::abs(maximum)) : 0.0F; }

double Moments::mean() const { return count > 0 ? sum / static_cast<double>(count) : 0.0; }

double Moments::standardDeviation() const {
  if (count == 0) return 0.0;
  const double average = mean();
  return std::sqrt(std::max(0.0, sumSquared / static_cast<double>(count) - average * average));
}

double Moments::kurtosis() const {
  if (count == 0) return 0.0;
  const auto n = static_cast<double>(count);
  const double m = mean();
  const double variance = sumSquared / n - m * m;
  if (!(variance > 0.0)) return 0.0;
  const double fourth = sumFourth / n - 4.0 * m * sumCubed / n + 6.0 * m * m * sumSquared / n - 3.0 * m * m * m * m;
  return fourth / (variance * variance);
}

}  // namespace qs
