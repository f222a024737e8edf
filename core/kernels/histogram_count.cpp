#include "core/kernels/histogram_count.h"

#include <algorithm>
#include <cassert>

namespace qs {

namespace {

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

}  // namespace

ValueSpan spanOf(std::span<const float> values) {
  ValueSpan span;
  for (const float value : values) {
    span.low = std::min(span.low, value);
    span.high = std::max(span.high, value);
  }
  return span;
}

std::size_t binOf(float value, double low, double high, std::size_t bins) {
  const BinRule rule(low, high, bins);
  return rule(value);
}

void countValues(std::span<const float> values, double low, double high, std::span<std::uint64_t> counts) {
  assert(!counts.empty() && high > low);
  const BinRule rule(low, high, counts.size());
  for (const float value : values) ++counts[rule(value)];
}

}  // namespace qs
