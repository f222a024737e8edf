#include <algorithm>
#include <limits>

#include "core/kernels/grid_simd.h"
#include "core/quant/codebook.h"
#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/row_tiles.h"
#include "core/quant/uniform_grid.h"

namespace qs {

namespace {

constexpr std::uint8_t kZeroLevel = 7;

void encodeRow(std::span<const float> row, QuantizedTensor& tensor, std::size_t index, std::span<const float> borders) {
  const std::size_t length = tensor.scheme.groupLength(tensor.cols);
  for (std::size_t first = 0; first < row.size(); first += length) {
    const std::size_t count = std::min(length, row.size() - first);
    const auto codes = std::span(tensor.codes).subspan(index * row.size() + first, count);
    const float scale = tensor.scales[tensor.unit(index, first)];
    if (scale == 0.0F)
      std::fill(codes.begin(), codes.end(), kZeroLevel);
    else  // a value on a border isn't above it: it takes the lower level
      simd::countBordersBelow(row.data() + first, count, scale, borders.data(), borders.size(), codes.data());
  }
}

std::vector<float> storedAbsMax(MatrixView weights, const QuantScheme& scheme, bool nested, const RunContext& context) {
  std::vector<float> scales = groupAbsMax(weights, scheme, context);
  for (float& scale : scales) {
    // A zero scale is never stored, except below a second quantization, where a 1 would spoil its whole block.
    if (scale < std::numeric_limits<float>::min()) scale = nested ? 0.0F : 1.0F;
    if (!nested) scale = roundToScaleType(scale, scheme.scaleType);
  }
  return scales;
}

QuantScheme nf4Scheme(const Settings& settings, ScaleType scaleType) {
  return {.number = NumberFormat::Codebook,
          .bits = 4,
          .symmetric = true,
          .groupSize = settings.integer("group_size"),
          .scaleType = scaleType,
          .codebookName = "nf4"};
}

QuantizedTensor quantizeNf4Layer(MatrixView weights, const Settings& settings, ScaleType scaleType,
                                 const RunContext& context) {
  const QuantScheme scheme = nf4Scheme(settings, scaleType);
  const bool nested = settings.flag("double_quant");
  QuantizedTensor tensor = emptyTensor(scheme, weights.rows, weights.cols);
  tensor.codebook.assign(nf4Levels().begin(), nf4Levels().end());
  tensor.scales = storedAbsMax(weights, scheme, nested, context);
  for (const float scale : tensor.scales)
    if (!nested) requireStorable({.scale = scale}, scheme);
  if (nested) tensor.nestedScales = nestScales(tensor.scales);
  const std::vector<float> borders = levelBorders(tensor.codebook);
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row) encodeRow(weights.row(row), tensor, row, borders);
  });
  return tensor;
}

std::vector<LayerOutcome> quantizeNf4(std::span<const LayerTask> tasks, const Settings& settings,
                                      const QuantizeOptions& options, const RunContext& context) {
  return quantizeEach(tasks, context, [&](const LayerTask& task) {
    return LayerOutcome{.tensor = quantizeNf4Layer(task.weights.view(), settings, options.scaleType, context)};
  });
}

ParamSpec doubleQuantParam() {
  return {.key = "double_quant",
          .label = "Double quantization",
          .kind = ParamKind::Switch,
          .defaultValue = false,
          .help =
              "Quantizes the scales themselves to 8 bits in blocks of 256, which saves about 0.37 bit per weight for "
              "a slightly larger error."};
}

}  // namespace

MethodInfo nf4Method() {
  return {.id = "nf4",
          .name = "NF4",
          .summary = "16 levels at the quantiles of a normal distribution, scaled to the largest weight of each group.",
          .source = "arXiv 2305.14314 (QLoRA), bitsandbytes",
          .colorSlot = 7,
          .parameters = {groupSizeParam(64), doubleQuantParam()},
          .scheme = nf4Scheme,
          .quantize = quantizeNf4};
}

}  // namespace qs
