#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/kernels/gptq_rows.h"
#include "core/kernels/triangular.h"
#include "core/quant/calibration_notes.h"
#include "core/quant/gptq_hessian.h"
#include "core/quant/gptq_target.h"
#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/output_error.h"
#include "core/quant/uniform_grid.h"

namespace qs {

namespace {

constexpr int kAttempts = 8;               // the damping rises tenfold from one to the next
constexpr double kSmallestDamping = 1e-3;  // what follows on 0
constexpr const char* kMatchesNote =
    "aims at the unquantized model's outputs; the output error is against the layer's own weights, and larger for that";
constexpr double kFactorProgress = 0.35;  // shares of a layer's progress
constexpr double kUpdateProgress = 0.3;
constexpr double kMeasureProgress = 0.3;

struct GptqOptions {
  QuantScheme scheme;
  double damping = 0.01;
  std::size_t blockSize = 128;
  bool actOrder = true;
  bool staticGroups = true;
  bool mseRange = false;
  bool matchOriginal = true;
  bool plainInverse = false;
};

GptqOptions optionsOf(const Settings& settings, ScaleType scaleType) {
  GptqOptions options{.scheme = integerScheme(settings, scaleType),
                      .damping = settings.real("damping"),
                      .blockSize = static_cast<std::size_t>(settings.integer("block_size")),
                      .actOrder = settings.flag("act_order"),
                      .staticGroups = settings.flag("static_groups"),
                      .mseRange = settings.flag("mse_range"),
                      .matchOriginal = settings.flag("match_original"),
                      .plainInverse = settings.flag("plain_inverse")};
  // The introductory form: nothing but rows of the plain inverse and one scale an input column.
  if (options.plainInverse) options.actOrder = options.matchOriginal = false;
  if (options.plainInverse) options.scheme.groupSize = 1;
  return options;
}

QuantScheme gptqScheme(const Settings& settings, ScaleType scaleType) { return optionsOf(settings, scaleType).scheme; }

std::string dampingText(double damping) { return toText(ParamValue(damping)); }

struct DampedFactor {
  std::vector<double> upper;  // R with H = R·Rᵀ; empty where no damping was enough
  double damping = 0;         // the last that was tried
};

DampedFactor factorHessian(const ActivationStats& activations, std::span<const std::uint32_t> order, double damping,
                           const RunContext& context) {
  double toReport = kFactorProgress;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) damping = std::max(damping * 10.0, kSmallestDamping);
    std::vector<double> hessian = dampedHessian(activations, order, damping, context);
    const auto report = [&](double share) {
      const double part = std::min(toReport, share * kFactorProgress);
      toReport -= part;
      context.advance(part);
    };
    if (factorUpper(hessian, order.size(), context, report)) return {std::move(hessian), damping};
  }
  context.advance(toReport);
  return {{}, damping};
}

Matrix withoutColumns(MatrixView weights, std::span<const std::uint32_t> columns) {
  Matrix copy(weights.rows, weights.cols);
  std::copy(weights.values().begin(), weights.values().end(), copy.values().begin());
  for (std::size_t r = 0; r < weights.rows; ++r)
    for (const std::uint32_t c : columns) copy(r, c) = 0.0F;
  return copy;
}

// One grid an input column, for the introductory form: found over the rows and repeated in each.
std::vector<UnitGrid> columnGrids(MatrixView weights, const GptqOptions& options) {
  std::vector<UnitGrid> grids(weights.rows * weights.cols);
  std::vector<float> column(weights.rows);
  for (std::size_t c = 0; c < weights.cols; ++c) {
    for (std::size_t r = 0; r < weights.rows; ++r) column[r] = weights(r, c);
    const UnitGrid grid = findGrid(column, options.scheme, options.mseRange);
    requireStorable(grid, options.scheme);
    for (std::size_t r = 0; r < weights.rows; ++r) grids[r * weights.cols + c] = grid;
  }
  return grids;
}

// Grids known before the loop; none where they are found as it goes.
std::vector<UnitGrid> gridsBefore(MatrixView weights, const GptqOptions& options, const RunContext& context) {
  if (options.plainInverse) return columnGrids(weights, options);
  const bool live = !options.staticGroups && options.scheme.groupsPerRow(weights.cols) > 1;
  return live ? std::vector<UnitGrid>{} : findGrids(weights, options.scheme, options.mseRange, context);
}

// The factor as the updates read it; R is given back before they begin.
GptqFactor<float> updateFactor(DampedFactor factor, std::size_t size, const GptqOptions& options,
                               const RunContext& context) {
  if (!options.plainInverse) return {factor.upper, size, options.blockSize, context};
  std::vector<double> inverse(size * size);
  invertFromFactor(factor.upper, size, inverse, context);
  factor.upper = {};
  return GptqFactor<float>::plainInverse(inverse, size, options.blockSize, context);
}

QuantizedTensor preparedTensor(MatrixView weights, const GptqOptions& options, std::span<const UnitGrid> grids,
                               std::span<const std::uint32_t> order) {
  QuantizedTensor tensor = emptyTensor(options.scheme, weights.rows, weights.cols);
  for (std::size_t i = 0; i < grids.size(); ++i) {
    tensor.scales[i] = grids[i].scale;
    if (!tensor.zeroPoints.empty()) tensor.zeroPoints[i] = grids[i].zero;
  }
  if (!grids.empty() || !options.actOrder) return tensor;
  // Groups are runs in the order taken: each input needs its group's number.
  tensor.groupIndex.resize(weights.cols);
  const std::size_t length = options.scheme.groupLength(weights.cols);
  for (std::size_t j = 0; j < order.size(); ++j) tensor.groupIndex[order[j]] = static_cast<std::int32_t>(j / length);
  return tensor;
}

// Against the weights that were rounded; they are the task's own unless others match the original's outputs.
void reportLosses(const LayerTask& task, MatrixView rounded, double loss, const RunContext& context,
                  LayerOutcome& outcome) {
  if (!std::isfinite(loss)) throw failedError(task.name, "the corrected weights overflowed");
  const OutputErrorSums exact =
      weightOnlyErrorSums(*outcome.tensor, rounded, *task.activations, context, kMeasureProgress);
  if (rounded.data == task.weights.view().data) outcome.outputError = exact.relative();
  if (!(exact.reference > 0.0)) return;
  outcome.figures["predicted_loss"] = loss / exact.reference;
  outcome.figures["exact_loss"] = exact.relative();
}

std::string deadInputsNote(std::size_t dead) {
  return std::to_string(dead) + " inputs are always zero in calibration: their weights became 0";
}

LayerOutcome roundInstead(MatrixView weights, const GptqOptions& options, double damping, LayerOutcome outcome,
                          const RunContext& context) {
  QuantScheme scheme = options.scheme;
  if (options.plainInverse) scheme.groupSize = kPerChannel;
  outcome.tensor = quantizeUniform(weights, scheme, options.mseRange, context);
  outcome.notes.push_back("the Gram matrix can't be factored, even with damping " + dampingText(damping) +
                          ": rounded to nearest (RTN) instead of GPTQ");
  outcome.figures["fell_back_to_rtn"] = 1.0;
  context.advance(kUpdateProgress + kMeasureProgress);
  return outcome;
}

LayerOutcome quantizeLayer(const LayerTask& task, const GptqOptions& options, const RunContext& context) {
  const ActivationStats& activations = requireGram(task);
  LayerOutcome outcome;
  const std::vector<std::uint32_t> dead = deadInputs(activations);
  if (const auto note = tooFewTokensNote(activations)) outcome.notes.push_back(*note);
  const std::vector<std::uint32_t> order = columnOrder(activations, options.actOrder);
  DampedFactor factor = factorHessian(activations, order, options.damping, context);
  if (factor.upper.empty())
    return roundInstead(task.weights.view(), options, factor.damping, std::move(outcome), context);
  if (!dead.empty()) outcome.notes.push_back(deadInputsNote(dead.size()));
  outcome.figures["damping"] = factor.damping;
  if (factor.damping != options.damping) outcome.notes.push_back("damping raised to " + dampingText(factor.damping));
  const bool matches = options.matchOriginal && !activations.drift.empty();
  const Matrix matched =
      matches ? weightsForOriginalOutputs(task.weights.view(), activations, factor.upper, order, context) : Matrix();
  const MatrixView aim = matches ? matched.view() : task.weights.view();
  if (matches) outcome.notes.emplace_back(kMatchesNote);
  const Matrix copy = dead.empty() ? Matrix() : withoutColumns(aim, dead);
  const MatrixView weights = dead.empty() ? aim : copy.view();
  const std::vector<UnitGrid> grids = gridsBefore(weights, options, context);
  outcome.tensor = preparedTensor(weights, options, grids, order);
  const GptqFactor<float> update = updateFactor(std::move(factor), order.size(), options, context);
  const double loss = gptqAllRows(GptqProblem{weights, order, grids, options.mseRange, options.plainInverse}, update,
                                  *outcome.tensor, context, kUpdateProgress);
  requireStorable(*outcome.tensor);
  reportLosses(task, aim, loss, context, outcome);
  if (options.plainInverse) outcome.figures.erase("predicted_loss");
  return outcome;
}

std::vector<LayerOutcome> quantizeGptq(std::span<const LayerTask> tasks, const Settings& settings,
                                       const QuantizeOptions& options, const RunContext& context) {
  const GptqOptions gptq = optionsOf(settings, options.scaleType);
  return quantizeEach(
      tasks, context, [&](const LayerTask& task) { return quantizeLayer(task, gptq, context); },
      kFactorProgress + kUpdateProgress + kMeasureProgress);
}

ParamSpec dampingParam() {
  return {.key = "damping",
          .label = "Damping",
          .kind = ParamKind::Real,
          .defaultValue = 0.01,
          .minimum = 0,
          .maximum = 10,
          .step = 0.01,
          .help =
              "Share of the Gram matrix's mean diagonal that is added to the diagonal. More is steadier with few "
              "calibration tokens; it is raised tenfold, and said so, where the matrix can't be factored."};
}

ParamSpec blockSizeParam() {
  return {.key = "block_size",
          .label = "Block size",
          .kind = ParamKind::Integer,
          .defaultValue = std::int64_t{128},
          .minimum = 1,
          .maximum = 1024,
          .step = 32,
          .help = "Columns whose corrections to the rest are applied together. Changes the speed, not the result.",
          .advanced = true};
}

ParamSpec plainInverseParam() {
  ParamSpec spec = switchParam(
      "plain_inverse", "Plain inverse Hessian", false,
      "Introductory form: corrects with the rows of the whole inverse Hessian, as if no column were done yet, and "
      "gives each input column one scale. The corrections then undo finished columns, so that the error is often worse "
      "than RTN's; and a scale an input column can't leave an integer product, so one is stored with every weight.");
  spec.advanced = true;
  spec.introductory = true;
  return spec;
}

}  // namespace

MethodInfo gptqMethod() {
  return {.id = "gptq",
          .name = "GPTQ",
          .summary = "Rounds column by column and corrects the columns still open for each rounding error.",
          .source = "arXiv 2210.17323; IST-DASLab/gptq",
          .needsCalibration = true,
          .colorSlot = 4,
          .parameters = {bitsParam(), groupSizeParam(), symmetricParam(), symmetricRangeParam(), dampingParam(),
                         switchParam("act_order", "Activation order", true,
                                     "Takes the inputs with the largest activations first. The most effective option "
                                     "where a few inputs dominate: two to four times less error."),
                         switchParam("static_groups", "Static groups", true,
                                     "Finds the groups' scales from the original weights, in the original order, so "
                                     "that files with activation order need no group index."),
                         switchParam("mse_range", "Shrink ranges", false,
                                     "Tries 80 shrunk ranges per group and keeps the one with the least error (sum of "
                                     "|error|^2.4). Helps at 2 and 3 bits, and takes longer."),
                         switchParam("match_original", "Match the original", true,
                                     "In sequential calibration, aims each layer at the unquantized model's outputs, "
                                     "so that it makes up for what the layers before it lost (GPTAQ, arXiv "
                                     "2504.02692). Without it the published form: a layer keeps what its weights do to "
                                     "its inputs, the errors in them included. No effect without sequential "
                                     "calibration."),
                         blockSizeParam(), plainInverseParam()},
          .scheme = gptqScheme,
          .quantize = quantizeGptq};
}

}  // namespace qs
