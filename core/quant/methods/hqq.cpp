#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/kernels/hqq_simd.h"
#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/row_tiles.h"
#include "core/quant/uniform_grid.h"

namespace qs {

namespace {

constexpr float kSmallestRange = 1e-4F;
constexpr float kLargestInverseScale = 2e4F;
constexpr float kBetaGrowth = 1.01F;
constexpr double kSearchShare = 0.95;  // of a layer's progress

// The grids of one layer: inverse scale and real zero point of every unit.
struct HqqState {
  const QuantScheme& scheme;
  MatrixView weights;
  std::vector<float> inverseScale;
  std::vector<float> zero;

  [[nodiscard]] std::size_t groups() const { return scheme.groupsPerRow(weights.cols); }
  [[nodiscard]] std::size_t unit(std::size_t row, std::size_t group) const {
    return scheme.groupSize == kPerTensor ? 0 : row * groups() + group;
  }
  [[nodiscard]] std::span<const float> values(std::size_t row, std::size_t group) const {
    const std::size_t length = scheme.groupLength(weights.cols);
    return weights.row(row).subspan(group * length, std::min(length, weights.cols - group * length));
  }
};

// Calls body(row, group) for every run of weights in a unit, in parallel over rows.
template <typename Body>
void forRuns(const HqqState& state, const RunContext& context, const Body& body) {
  forRowTiles(state.weights.rows, state.weights.cols, context, [&](std::size_t, RowTile rows) {
    for (std::size_t row = rows.first; row < rows.last; ++row) {
      context.throwIfStopped();
      for (std::size_t group = 0; group < state.groups(); ++group) body(row, group);
    }
  });
}

void startGrids(HqqState& state, const RunContext& context) {
  std::vector<ValueRange> ranges(state.weights.rows * state.groups());
  forRuns(state, context, [&](std::size_t row, std::size_t group) {
    ranges[row * state.groups() + group] = rangeOf(state.values(row, group));
  });
  if (state.scheme.groupSize == kPerTensor) {
    for (const ValueRange& range : ranges)
      ranges[0] = {std::min(ranges[0].low, range.low), std::max(ranges[0].high, range.high)};
    ranges.resize(1);
  }
  const auto steps = static_cast<float>(state.scheme.maxCode());
  for (const ValueRange& range : ranges) {
    const float span = range.high - range.low;
    const float inverse = span <= kSmallestRange ? 1.0F : std::min(steps / span, kLargestInverseScale);
    state.inverseScale.push_back(inverse);
    state.zero.push_back(0.0F - range.low * inverse);
  }
}

// Moves the zero points once; gives the mean |error| from before the move.
double iterate(HqqState& state, float beta, float power, const RunContext& context) {
  std::vector<simd::HqqSums> runs(state.weights.rows * state.groups());
  forRuns(state, context, [&](std::size_t row, std::size_t group) {
    const std::size_t unit = state.unit(row, group);
    const auto values = state.values(row, group);
    const simd::HqqRule rule{.inverseScale = state.inverseScale[unit],
                             .zero = state.zero[unit],
                             .highestCode = static_cast<float>(state.scheme.maxCode()),
                             .beta = beta,
                             .power = power};
    runs[row * state.groups() + group] = simd::hqqStep(values.data(), values.size(), rule);
  });
  std::vector<double> zeroSums(state.zero.size(), 0.0);
  std::vector<double> counts(state.zero.size(), 0.0);
  double absError = 0;
  for (std::size_t row = 0; row < state.weights.rows; ++row) {
    for (std::size_t group = 0; group < state.groups(); ++group) {
      const simd::HqqSums& run = runs[row * state.groups() + group];
      absError += run.absError;
      zeroSums[state.unit(row, group)] += run.zero;
      counts[state.unit(row, group)] += static_cast<double>(state.values(row, group).size());
    }
  }
  for (std::size_t i = 0; i < state.zero.size(); ++i)
    if (counts[i] > 0) state.zero[i] = static_cast<float>(zeroSums[i] / counts[i]);
  return absError / std::max(1.0, static_cast<double>(state.weights.rows * state.weights.cols));
}

QuantScheme hqqScheme(const Settings& settings, ScaleType scaleType) {
  QuantScheme scheme = integerScheme(settings, scaleType);
  scheme.realZeroPoint = true;
  return scheme;
}

LayerOutcome quantizeHqqLayer(MatrixView weights, const Settings& settings, ScaleType scaleType,
                              const RunContext& context) {
  const QuantScheme scheme = hqqScheme(settings, scaleType);
  HqqState state{.scheme = scheme, .weights = weights};
  startGrids(state, context);
  MethodCurve curve{.title = "Mean absolute weight error", .xLabel = "Iteration", .yLabel = "Mean |error|"};
  auto beta = static_cast<float>(settings.real("beta"));
  double best = std::numeric_limits<double>::infinity();
  const std::int64_t iterations = settings.integer("iterations");
  double progress = 0;
  for (std::int64_t i = 0; i < iterations; ++i) {
    const double error = iterate(state, beta, static_cast<float>(settings.real("norm") - 1.0), context);
    context.advance(kSearchShare / static_cast<double>(iterations));
    progress += kSearchShare / static_cast<double>(iterations);
    curve.x.push_back(static_cast<double>(i));
    curve.y.push_back(error);
    beta *= kBetaGrowth;
    if (error >= best) break;
    best = error;
  }
  context.advance(kSearchShare - progress);
  std::vector<UnitGrid> grids;
  for (std::size_t i = 0; i < state.zero.size(); ++i) {
    const UnitGrid grid{
        .scale = roundToScaleType(1.0F / state.inverseScale[i], scaleType),
        .zero = scaleType == ScaleType::F32 ? state.zero[i] : roundToScaleType(state.zero[i], scaleType)};
    requireStorable(grid, scheme);
    grids.push_back(grid);
  }
  return {.tensor = quantizeOnGrids(weights, scheme, grids, context), .curves = {std::move(curve)}};
}

std::vector<LayerOutcome> quantizeHqq(std::span<const LayerTask> tasks, const Settings& settings,
                                      const QuantizeOptions& options, const RunContext& context) {
  return quantizeEach(
      tasks, context,
      [&](const LayerTask& task) {
        return quantizeHqqLayer(task.weights.view(), settings, options.scaleType, context);
      },
      kSearchShare);
}

std::vector<ParamSpec> hqqParameters() {
  return {bitsParam(),
          groupSizeParam(64),
          {.key = "iterations",
           .label = "Iterations",
           .kind = ParamKind::Integer,
           .defaultValue = std::int64_t{20},
           .minimum = 1,
           .maximum = 200,
           .help = "Most updates of the zero points; it stops earlier once the mean error no longer falls.",
           .advanced = true},
          {.key = "norm",
           .label = "Norm",
           .kind = ParamKind::Real,
           .defaultValue = 0.7,
           .minimum = 0.1,
           .maximum = 1.0,
           .step = 0.05,
           .help = "Exponent p of the error |w - w'|^p that the zero points minimise; below 1 large errors weigh less.",
           .advanced = true},
          {.key = "beta",
           .label = "Beta",
           .kind = ParamKind::Real,
           .defaultValue = 10.0,
           .minimum = 0.1,
           .maximum = 1000.0,
           .step = 1.0,
           .help = "Weight of the quadratic penalty of the half-quadratic solver; grows by 1 % an iteration.",
           .advanced = true}};
}

}  // namespace

MethodInfo hqqMethod() {
  return {.id = "hqq",
          .name = "HQQ",
          .summary = "Fits real-valued zero points to a heavy-tailed error, without calibration data.",
          .source = "Half-Quadratic Quantization, Mobius Labs 2023",
          .colorSlot = 7,
          .parameters = hqqParameters(),
          .scheme = hqqScheme,
          .quantize = quantizeHqq};
}

}  // namespace qs
