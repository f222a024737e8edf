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

constexpr int kLargestExponent = 2;  // of E2M1: its largest value is 1.5 · 2^2
constexpr std::int64_t kBlock = 32;

// The shared power of two (OCP MX 1.0, section 6.3), or the next where that would clip the largest element.
float sharedScale(float absMax, bool roundUp) {
  if (absMax < std::numeric_limits<float>::min()) return std::numeric_limits<float>::min();
  int exponent = std::ilogb(absMax) - kLargestExponent;
  if (roundUp && absMax > std::ldexp(kE2M1.largest, exponent)) ++exponent;
  return std::ldexp(1.0F, std::clamp(exponent, -126, 127));
}

QuantizedTensor quantizeMxLayer(MatrixView weights, bool roundUp, const RunContext& context) {
  const QuantScheme scheme{.number = NumberFormat::Codebook,
                           .bits = 4,
                           .symmetric = true,
                           .groupSize = kBlock,
                           .scaleType = ScaleType::E8M0,
                           .codebookName = "e2m1"};
  QuantizedTensor tensor = emptyTensor(scheme, weights.rows, weights.cols);
  tensor.codebook = e2m1Values();
  tensor.scales = groupAbsMax(weights, scheme, context);
  for (float& scale : tensor.scales) scale = sharedScale(scale, roundUp);
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row)
      for (std::size_t c = 0; c < weights.cols; ++c)
        tensor.codes[row * weights.cols + c] =
            floatToMiniFloat(kE2M1, weights(row, c) / tensor.scales[tensor.unit(row, c)]);
  });
  return tensor;
}

std::vector<LayerOutcome> quantizeMxfp4(std::span<const LayerTask> tasks, const Settings& settings,
                                        const QuantizeOptions&, const RunContext& context) {
  const bool roundUp = settings.choice("scale_rounding") == "up";
  return quantizeEach(tasks, context, [&](const LayerTask& task) {
    return LayerOutcome{.tensor = quantizeMxLayer(task.weights, roundUp, context)};
  });
}

ParamSpec scaleRoundingParam() {
  return {.key = "scale_rounding",
          .label = "Scale rounding",
          .kind = ParamKind::Choice,
          .defaultValue = std::string("floor"),
          .choices = {{"floor", "Down (reference)"}, {"up", "Up where values would clip"}},
          .help =
              "The shared scale is a power of two. Rounded down, as the specification's reference does, it clips "
              "values above 6 scales; rounded up it never clips but resolves less.",
          .advanced = true};
}

}  // namespace

MethodInfo mxfp4Method() {
  return {.id = "mxfp4",
          .name = "MXFP4",
          .summary = "4-bit floats (E2M1) in blocks of 32 that share a power-of-two scale; weights only, simulated.",
          .source = "OCP Microscaling Formats (MX) 1.0",
          .colorSlot = 7,
          .parameters = {scaleRoundingParam()},
          .quantize = quantizeMxfp4};
}

}  // namespace qs
