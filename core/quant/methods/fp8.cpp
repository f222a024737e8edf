#include <limits>

#include "core/quant/codebook.h"
#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/row_tiles.h"
#include "core/quant/uniform_grid.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

QuantizedTensor quantizeFp8Layer(MatrixView weights, std::int64_t groupSize, ScaleType scaleType,
                                 const RunContext& context) {
  const QuantScheme scheme{.number = NumberFormat::Codebook,
                           .bits = 8,
                           .symmetric = true,
                           .groupSize = groupSize,
                           .scaleType = scaleType,
                           .codebookName = "e4m3"};
  QuantizedTensor tensor = emptyTensor(scheme, weights.rows, weights.cols);
  tensor.codebook = e4m3Values();
  tensor.scales = groupAbsMax(weights, scheme, context);
  for (float& scale : tensor.scales) {
    scale /= kE4M3.largest;
    scale = scale < std::numeric_limits<float>::min() ? 1.0F : roundToScaleType(scale, scaleType);
    requireStorable({.scale = scale}, scheme);
  }
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row)
      for (std::size_t c = 0; c < weights.cols; ++c)
        tensor.codes[row * weights.cols + c] =
            floatToMiniFloat(kE4M3, weights(row, c) / tensor.scales[tensor.unit(row, c)]);
  });
  return tensor;
}

std::vector<LayerOutcome> quantizeFp8(std::span<const LayerTask> tasks, const Settings& settings,
                                      const QuantizeOptions& options, const RunContext& context) {
  return quantizeEach(tasks, context, [&](const LayerTask& task) {
    return LayerOutcome{.tensor =
                            quantizeFp8Layer(task.weights, settings.integer("group_size"), options.scaleType, context)};
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
          .quantize = quantizeFp8};
}

}  // namespace qs
