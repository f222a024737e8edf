#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/quant/codebook.h"
#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/row_tiles.h"
#include "core/quant/uniform_grid.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

// floatToMiniFloat(kE4M3, ·) for finite values, without its general cases.
std::uint8_t e4m3Code(float value) {
  constexpr std::uint32_t kLargestCode = 0x7E;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  const auto absolute = std::bit_cast<float>(magnitude);
  // Below 2^-6 codes count steps of 2^-9; above, the mantissa is rounded to 3 bits and the exponent's bias changed.
  const auto subnormal =
      static_cast<std::uint32_t>(static_cast<std::int32_t>(std::rint(std::min(absolute, 1.0F) * 512.0F)));
  const std::uint32_t normal = ((magnitude + 0x7FFFFU + (magnitude >> 20U & 1U)) >> 20U) - (120U << 3U);
  const std::uint32_t code = absolute < 0x1.0p-6F ? subnormal : std::min(normal, kLargestCode);
  return static_cast<std::uint8_t>(code | (bits >> 24U & 0x80U));
}

void encodeRow(std::span<const float> row, QuantizedTensor& tensor, std::size_t index) {
  const std::size_t length = tensor.scheme.groupLength(tensor.cols);
  for (std::size_t first = 0; first < row.size(); first += length) {
    const std::size_t last = std::min(first + length, row.size());
    const float scale = tensor.scales[tensor.unit(index, first)];
    for (std::size_t c = first; c < last; ++c) tensor.codes[index * row.size() + c] = e4m3Code(row[c] / scale);
  }
}

QuantScheme fp8Scheme(const Settings& settings, ScaleType scaleType) {
  return {.number = NumberFormat::Codebook,
          .bits = 8,
          .symmetric = true,
          .groupSize = settings.integer("group_size"),
          .scaleType = scaleType,
          .codebookName = "e4m3"};
}

QuantizedTensor quantizeFp8Layer(MatrixView weights, const QuantScheme& scheme, const RunContext& context) {
  QuantizedTensor tensor = emptyTensor(scheme, weights.rows, weights.cols);
  tensor.codebook = e4m3Values();
  tensor.scales = groupAbsMax(weights, scheme, context);
  for (float& scale : tensor.scales) {
    scale /= kE4M3.largest;
    scale = scale < std::numeric_limits<float>::min() ? 1.0F : roundToScaleType(scale, scheme.scaleType);
    requireStorable({.scale = scale}, scheme);
  }
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row) encodeRow(weights.row(row), tensor, row);
  });
  return tensor;
}

std::vector<LayerOutcome> quantizeFp8(std::span<const LayerTask> tasks, const Settings& settings,
                                      const QuantizeOptions& options, const RunContext& context) {
  const QuantScheme scheme = fp8Scheme(settings, options.scaleType);
  return quantizeEach(tasks, context, [&](const LayerTask& task) {
    return LayerOutcome{.tensor = quantizeFp8Layer(task.weights.view(), scheme, context)};
  });
}

}  // namespace

MethodInfo fp8Method() {
  return {.id = "fp8-e4m3",
          .name = "FP8 E4M3",
          .summary = "8-bit floats (E4M3), scaled so that the largest weight becomes 448; weights only, simulated.",
          .source = "arXiv 2209.05433; OCP 8-bit Floating Point 1.0",
          .colorSlot = 7,
          .parameters = {groupSizeParam(kPerChannel)},
          .scheme = fp8Scheme,
          .quantize = quantizeFp8};
}

}  // namespace qs
