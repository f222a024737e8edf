#include "core/model/runner/rope_table.h"

#include <cmath>

namespace qs {

RopeTable::RopeTable(const RopeSpec& rope, std::size_t first, std::size_t count, std::size_t sequenceLength)
    : m_cos(count, rope.dims / 2), m_sin(count, rope.dims / 2) {
  const bool isLong = rope.longBeyond > 0 && sequenceLength > rope.longBeyond;
  const std::vector<double>& frequencies = isLong ? rope.longFrequencies : rope.frequencies;
  for (std::size_t p = 0; p < count; ++p) {
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
      const double angle = static_cast<double>(first + p) * frequencies[i];
      m_cos(p, i) = static_cast<float>(std::cos(angle) * rope.attentionFactor);
      m_sin(p, i) = static_cast<float>(std::sin(angle) * rope.attentionFactor);
    }
  }
}

void RopeTable::rotate(std::size_t index, std::span<float> head) const {
  const std::span<const float> cos = m_cos.row(index);
  const std::span<const float> sin = m_sin.row(index);
  const std::size_t half = cos.size();
  for (std::size_t i = 0; i < half; ++i) {
    const float first = head[i];
    const float second = head[i + half];
    head[i] = first * cos[i] - second * sin[i];
    head[i + half] = second * cos[i] + first * sin[i];
  }
}

}  // namespace qs
