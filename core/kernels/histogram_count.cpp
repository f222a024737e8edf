#include "core/kernels/histogram_count.h"

#include <algorithm>
#include <cassert>

namespace qs {

ValueSpan spanOf(std::span<const float> values) {
  ValueSpan span;
  for (const float value : values) {
    span.low = std::min(span.low, value);
    span.high = std::max(span.high, value);
  }
  return span;
}

void countValues(std::span<const float> values, double low, double high, std::span<std::uint64_t> counts) {
  assert(!counts.empty() && high > low);
  const auto origin = static_cast<float>(low);
  const auto scale = static_cast<float>(static_cast<double>(counts.size()) / (high - low));
  const auto last = static_cast<float>(counts.size() - 1);
  for (const float value : values) ++counts[static_cast<std::size_t>(std::clamp((value - origin) * scale, 0.0F, last))];
}

}  // namespace qs
