#pragma once

#include <cstddef>
#include <vector>

namespace qs {

/// What is known of each input channel (a column of a weight matrix [out, in]). Every vector has `in` entries.
struct ChannelStats {
  std::vector<float> absMax;
  std::vector<float> minimum;  ///< p0
  std::vector<float> lowerQuartile;
  std::vector<float> median;
  std::vector<float> upperQuartile;
  std::vector<float> maximum;           ///< p100
  std::vector<float> meanSquaredError;  ///< of the quantized weights; empty before quantization

  [[nodiscard]] std::size_t size() const { return absMax.size(); }
};

}  // namespace qs
