#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/kernels/grid_simd.h"
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

// Codes of E2M1 by counting the borders below a value, from the most negative code up. Ties go to the even mantissa.
void encodeRow(std::span<const float> row, QuantizedTensor& tensor, std::size_t index) {
  // Ties at 0.25, 1.25, 2.5 and 5 go to the smaller magnitude; at 0.75, 1.75 and 3.5 to the larger one, so the border
  // lies just below them on the positive side. On the negative side it is the other way round.
  static const std::vector<float> borders = [] {
    const std::array<std::pair<float, bool>, 7> ties = {
        {{0.25F, false}, {0.75F, true}, {1.25F, false}, {1.75F, true}, {2.5F, false}, {3.5F, true}, {5.0F, false}}};
    std::vector<float> all;
    for (const auto& [tie, up] : ties) {
      all.push_back(up ? std::nextafter(tie, 0.0F) : tie);
      all.push_back(up ? -tie : std::nextafter(-tie, -8.0F));
    }
    std::sort(all.begin(), all.end());
    return all;
  }();
  constexpr std::array<std::uint8_t, 15> kCodes = {15, 14, 13, 12, 11, 10, 9, 0, 1, 2, 3, 4, 5, 6, 7};
  for (std::size_t first = 0; first < row.size(); first += kBlock) {
    const std::size_t count = std::min<std::size_t>(kBlock, row.size() - first);
    const auto codes = std::span(tensor.codes).subspan(index * row.size() + first, count);
    simd::countBordersBelow(row.data() + first, count, tensor.scales[tensor.unit(index, first)], borders.data(),
                            borders.size(), codes.data());
    for (std::uint8_t& code : codes) code = kCodes[code];
  }
}

QuantScheme mxScheme(const Settings& /*settings*/, ScaleType /*scaleType*/) {
  return {.number = NumberFormat::Codebook,
          .bits = 4,
          .symmetric = true,
          .groupSize = kBlock,
          .scaleType = ScaleType::E8M0,
          .codebookName = "e2m1"};
}

QuantizedTensor quantizeMxLayer(MatrixView weights, const QuantScheme& scheme, bool roundUp,
                                const RunContext& context) {
  QuantizedTensor tensor = emptyTensor(scheme, weights.rows, weights.cols);
  tensor.codebook = e2m1Values();
  tensor.scales = groupAbsMax(weights, scheme, context);
  for (float& scale : tensor.scales) scale = sharedScale(scale, roundUp);
  forRowTiles(weights.rows, weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row) encodeRow(weights.row(row), tensor, row);
  });
  return tensor;
}

std::vector<LayerOutcome> quantizeMxfp4(std::span<const LayerTask> tasks, const Settings& settings,
                                        const QuantizeOptions& options, const RunContext& context) {
  const QuantScheme scheme = mxScheme(settings, options.scaleType);
  const bool roundUp = settings.choice("scale_rounding") == "up";
  return quantizeEach(tasks, context, [&](const LayerTask& task) {
    return LayerOutcome{.tensor = quantizeMxLayer(task.weights.view(), scheme, roundUp, context)};
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
          .scheme = mxScheme,
          .quantize = quantizeMxfp4};
}

}  // namespace qs
