#include "core/stats/histogram.h"

#include <cassert>

namespace qs {

void Histogram::merge(const Histogram& other) {
  assert(low == other.low && high == other.high && counts.size() == other.counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
}

}  // namespace qs
