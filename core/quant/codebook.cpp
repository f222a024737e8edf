#include "core/quant/codebook.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/kernels/uniform_grid.h"
#include "core/quant/row_tiles.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

constexpr std::array<float, 16> kNf4 = {-1.0F,
                                        -0.6961928009986877F,
                                        -0.5250730514526367F,
                                        -0.39491748809814453F,
                                        -0.28444138169288635F,
                                        -0.18477343022823334F,
                                        -0.09105003625154495F,
                                        0.0F,
                                        0.07958029955625534F,
                                        0.16093020141124725F,
                                        0.24611230194568634F,
                                        0.33791524171829224F,
                                        0.44070982933044434F,
                                        0.5626170039176941F,
                                        0.7229568362236023F,
                                        1.0F};

float absMaxOf(std::span<const float> values) {
  const ValueRange range = rangeOf(values);
  return std::max(-range.low, range.high);
}

}  // namespace

std::span<const float> nf4Levels() { return kNf4; }

std::vector<float> e2m1Values() {
  std::vector<float> values;
  for (unsigned code = 0; code < 16; ++code) values.push_back(miniFloatToFloat(kE2M1, static_cast<std::uint8_t>(code)));
  return values;
}

std::vector<float> e4m3Values() {
  std::vector<float> values;
  for (unsigned code = 0; code < 256; ++code)
    values.push_back(miniFloatToFloat(kE4M3, static_cast<std::uint8_t>(code)));
  values[0x7F] = 480.0F;
  values[0xFF] = -480.0F;
  return values;
}

std::vector<float> levelBorders(std::span<const float> levels) {
  std::vector<float> borders;
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) borders.push_back((levels[i] + levels[i + 1]) * 0.5F);
  return borders;
}

std::uint8_t nearestLevel(float value, std::span<const float> levels) {
  const auto above = static_cast<std::size_t>(std::lower_bound(levels.begin(), levels.end(), value) - levels.begin());
  if (above == 0) return 0;
  if (above == levels.size()) return static_cast<std::uint8_t>(levels.size() - 1);
  const float border = (levels[above - 1] + levels[above]) * 0.5F;
  return static_cast<std::uint8_t>(value <= border ? above - 1 : above);
}

std::vector<float> groupAbsMax(MatrixView weights, const QuantScheme& scheme, const RunContext& context) {
  const std::size_t groups = scheme.groupsPerRow(weights.cols);
  const std::size_t length = scheme.groupLength(weights.cols);
  std::vector<float> result(weights.rows * groups);
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row)
      for (std::size_t g = 0; g < groups; ++g)
        result[row * groups + g] =
            absMaxOf(weights.row(row).subspan(g * length, std::min(length, weights.cols - g * length)));
  });
  if (scheme.groupSize == kPerTensor) result = {absMaxOf(result)};
  return result;
}

std::vector<float> dynamicMap() {
  // 2^i values in each decade 10^(i−6) for i = 0..6: the middles of equal steps between 0.1 and 1. Both signs, 0 and 1.
  std::vector<float> values = {0.0F, 1.0F};
  for (int i = 0; i < 7; ++i) {
    const int count = 1 << i;
    for (int k = 0; k < count; ++k) {
      const double middle = 0.1 + 0.9 * (k + 0.5) / count;
      const auto value = static_cast<float>(std::pow(10.0, i - 6) * middle);
      values.push_back(value);
      values.push_back(-value);
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}

NestedScales nestScales(std::vector<float>& scales) {
  NestedScales nested{.codebook = dynamicMap()};
  const double sum = std::accumulate(scales.begin(), scales.end(), 0.0);
  nested.offset = scales.empty() ? 0.0F : static_cast<float>(sum / static_cast<double>(scales.size()));
  for (std::size_t first = 0; first < scales.size(); first += nested.blockSize) {
    const std::span<float> block = std::span(scales).subspan(first, std::min(nested.blockSize, scales.size() - first));
    for (float& scale : block) scale -= nested.offset;
    const float largest = absMaxOf(block);
    nested.absMax.push_back(largest);
    for (float& scale : block) {
      const std::uint8_t code = nearestLevel(largest > 0.0F ? scale / largest : 0.0F, nested.codebook);
      nested.codes.push_back(code);
      scale = nested.codebook[code] * largest + nested.offset;
    }
  }
  return nested;
}

}  // namespace qs
