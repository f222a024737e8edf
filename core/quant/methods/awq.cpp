#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/quant/awq_clip.h"
#include "core/quant/awq_search.h"
#include "core/quant/calibration_notes.h"
#include "core/quant/input_scaling.h"
#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/output_error.h"
#include "core/quant/uniform_grid.h"

namespace qs {

namespace {

constexpr double kFactorProgress = 0.05;  // shares of a layer's progress
constexpr double kSearchProgress = 0.5;
constexpr double kClipProgress = 0.2;
constexpr double kMeasureProgress = 0.2;

struct AwqOptions {
  QuantScheme scheme;
  bool duo = false;
  bool clip = true;
  bool fast = false;
  bool globalFactor = false;
};

AwqOptions optionsOf(const Settings& settings, ScaleType scaleType) {
  return {.scheme = integerScheme(settings, scaleType),
          .duo = settings.flag("duo_scaling"),
          .clip = settings.flag("clip_search") && !settings.flag("global_factor"),
          .fast = settings.choice("search") == "fast",
          .globalFactor = settings.flag("global_factor")};
}

// What the search found for the layers that share the scale.
struct SharedScale {
  std::vector<float> scale;  // [in]
  std::optional<MethodCurve> curve;
  double exponent = 0;
  std::vector<std::string> notes;
};

bool allZero(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return value == 0.0F; });
}

SharedScale findScale(std::span<const LayerTask> tasks, const AwqOptions& options, const InputMetric* metric,
                      const RunContext& context) {
  const std::size_t inputs = tasks.front().weights.cols();
  SharedScale shared{.scale = std::vector<float>(inputs, 1.0F)};
  if (!mayScaleInputs(tasks)) shared.notes.emplace_back(kNotFoldableNote);
  if (metric == nullptr) shared.notes.emplace_back("the calibration inputs are all zero: nothing is scaled or clipped");
  if (!shared.notes.empty()) return shared;
  if (const auto note = tooFewTokensNote(*tasks.front().activations)) shared.notes.push_back(*note);
  const std::vector<AwqCandidate> candidates =
      options.globalFactor ? globalFactors(inputs) : awqCandidates(tasks, options.scheme, options.duo);
  AwqChoice choice =
      searchScale(tasks, candidates, options.scheme, options.globalFactor ? nullptr : metric,
                  options.fast && !options.globalFactor, context, kSearchProgress * static_cast<double>(tasks.size()));
  shared.scale = candidates[choice.best].scale;
  shared.exponent = candidates[choice.best].exponent;
  choice.curve.title = options.globalFactor ? "Weight error over one global factor"
                       : options.fast       ? "Loss over exponent, on some of the outputs"
                                            : "Loss over exponent";
  choice.curve.xLabel = options.globalFactor ? "Factor" : "Exponent";
  choice.curve.yLabel = options.globalFactor ? "Relative weight error" : "Relative output error";
  shared.curve = std::move(choice.curve);
  return shared;
}

QuantizedTensor withScale(QuantizedTensor tensor, const std::vector<float>& scale) {
  const bool identity = std::all_of(scale.begin(), scale.end(), [](float s) { return s == 1.0F; });
  if (!identity) tensor.inputScale = scale;
  tensor.inputScaleKind = InputScaleKind::Awq;
  requireStorable(tensor);
  return tensor;
}

// The clipped tensor where it errs less than the unclipped one.
void tryClipping(const LayerTask& task, const AwqOptions& options, const SharedScale& shared, Matrix scaled,
                 const RunContext& context, LayerOutcome& outcome) {
  clipScaledWeights(scaled.span(), shared.scale, options.scheme, *task.activations, context, kClipProgress);
  QuantizedTensor clipped = withScale(quantizeUniform(scaled.view(), options.scheme, false, context), shared.scale);
  OutputErrorSums sums =
      weightOnlyErrorSums(*outcome.tensor, task.weights.view(), *task.activations, context, kMeasureProgress * 2 / 3);
  const double before = sums.relative();
  sums.error = weightOnlyError(clipped, task.weights.view(), *task.activations, context, kMeasureProgress / 3);
  const double after = sums.relative();
  outcome.figures["unclipped_loss"] = before;
  outcome.figures["clipped_loss"] = after;
  outcome.outputError = std::min(before, after);
  if (after < before)
    outcome.tensor = std::move(clipped);
  else
    outcome.notes.emplace_back("clipping raised the error: left unclipped");
}

LayerOutcome quantizeLayer(const LayerTask& task, const AwqOptions& options, const SharedScale& shared, bool mayClip,
                           const RunContext& context) {
  LayerOutcome outcome{.notes = shared.notes};
  Matrix scaled = scaledWeights(task.weights.view(), shared.scale, context);
  outcome.tensor = withScale(quantizeUniform(scaled.view(), options.scheme, false, context), shared.scale);
  if (shared.curve) {
    outcome.curves.push_back(*shared.curve);
    outcome.figures[options.globalFactor ? "global_factor" : "exponent"] = shared.exponent;
  }
  if (options.clip && mayClip) {
    if (options.scheme.groupSize != kPerTensor && !task.activations->gram.empty()) {
      tryClipping(task, options, shared, std::move(scaled), context, outcome);
    } else {
      outcome.notes.emplace_back(options.scheme.groupSize == kPerTensor
                                     ? "one scale for the matrix leaves nothing to clip by group: left unclipped"
                                     : "the Gram matrix wasn't gathered: left unclipped");
      context.advance(kClipProgress + kMeasureProgress);
    }
  }
  return outcome;
}

std::vector<LayerOutcome> quantizeGroup(std::span<const LayerTask> tasks, const AwqOptions& options,
                                        const RunContext& context) {
  const ActivationStats& activations = sharedActivations(tasks);
  const bool useful = !allZero(activations.absMax);
  std::optional<InputMetric> metric;
  if (useful) metric.emplace(activations, context, kFactorProgress * static_cast<double>(tasks.size()));
  const SharedScale shared = findScale(tasks, options, metric ? &*metric : nullptr, context);
  metric.reset();
  const double searched = (useful ? kFactorProgress : 0.0) + (shared.curve ? kSearchProgress : 0.0);
  const double clipped = options.clip && useful ? kClipProgress + kMeasureProgress : 0.0;
  return quantizeEach(
      tasks, context, [&](const LayerTask& task) { return quantizeLayer(task, options, shared, useful, context); },
      searched + clipped);
}

std::vector<LayerOutcome> quantizeAwq(std::span<const LayerTask> tasks, const Settings& settings,
                                      const QuantizeOptions& options, const RunContext& context) {
  if (tasks.empty()) return {};
  try {
    return quantizeGroup(tasks, optionsOf(settings, options.scaleType), context);
  } catch (const Error& error) {
    return failEach(tasks, error.what(), context);
  }
}

ParamSpec searchParam() {
  return {.key = "search",
          .label = "Search",
          .kind = ParamKind::Choice,
          .defaultValue = std::string("exact"),
          .choices = {{"exact", "Exact"}, {"fast", "Fast: coarse pass, then exact on the best"}},
          .help =
              "Exact measures all 20 exponents on every output. Fast measures them on every 8th output (more of layers "
              "below 2048 outputs) and then the best three exactly: about a third of the time, for at most a "
              "neighbouring exponent."};
}

ParamSpec globalFactorParam() {
  ParamSpec spec = switchParam(
      "global_factor", "One global factor", false,
      "Introductory form: searches one factor for the whole matrix, 0.1 to 10 in 100 steps, by the weight error alone. "
      "Rounding to nearest doesn't change when every weight is scaled alike, so that nothing is gained but noise; and "
      "without the inputs nobody knows which channels matter.");
  spec.advanced = true;
  spec.introductory = true;
  return spec;
}

}  // namespace

MethodInfo awqMethod() {
  return {
      .id = "awq",
      .name = "AWQ",
      .summary = "Scales up the inputs that matter before rounding, as the activations tell, and clips outliers.",
      .source = "arXiv 2306.00978; mit-han-lab/llm-awq, AutoAWQ",
      .needsCalibration = true,
      .scalesInputs = true,
      .colorSlot = 3,
      .roundsOnly = true,
      .parameters = {bitsParam(), groupSizeParam(), symmetricParam(), symmetricRangeParam(),
                     switchParam("duo_scaling", "Duo scaling", false,
                                 "Divides the scale by the weights' own size too, as AutoAWQ does. Usually a little "
                                 "better; no scaling at all is one of the candidates."),
                     switchParam("clip_search", "Clip search", true,
                                 "Tries ten clipping bounds for each group and keeps the one with the least output "
                                 "error; where the layer as a whole errs more, it stays unclipped."),
                     searchParam(), globalFactorParam()},
      .quantize = quantizeAwq};
}

}  // namespace qs
