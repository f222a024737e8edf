#include "core/stats/moments.h"

#include <algorithm>
#include <cmath>

#include "core/kernels/row_statistics_simd.h"

namespace qs {

void Moments::add(std::span<const float> values) {
  if (values.empty()) return;
  simd::PowerLanes sums;
  ValueSpan range;
  simd::describeRow(DType::F32, std::as_bytes(values).data(), values.size(), values.size(), &range, sums);
  const simd::PowerSums total = sums.total();
  merge({.count = values.size(),
         .sum = total.first,
         .sumSquared = total.second,
         .sumCubed = total.third,
         .sumFourth = total.fourth,
         .minimum = range.low,
         .maximum = range.high});
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
