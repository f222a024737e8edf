#include <algorithm>

#include "core/base/number_text.h"
#include "core/quant/activation_quantizer.h"
#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/uniform_grid.h"
#include "core/stats/observers.h"

namespace qs {

namespace {

QuantScheme int8Scheme(const Settings& settings, ScaleType scaleType) {
  QuantScheme scheme = integerScheme(settings, scaleType);
  scheme.symmetric = true;
  return scheme;
}

QuantizedTensor quantizeWeights(const LayerTask& task, const Settings& settings, ScaleType scaleType,
                                const RunContext& context) {
  return quantizeUniform(task.weights, int8Scheme(settings, scaleType), false, context);
}

std::vector<LayerOutcome> quantizeDynamic(std::span<const LayerTask> tasks, const Settings& settings,
                                          const QuantizeOptions& options, const RunContext& context) {
  const bool perToken = settings.choice("activation") == "per-token";
  return quantizeEach(tasks, context, [&](const LayerTask& task) {
    LayerOutcome outcome{.tensor = quantizeWeights(task, settings, options.scaleType, context)};
    outcome.tensor->activations = ActivationScheme{.perToken = perToken, .symmetric = perToken};
    return outcome;
  });
}

// Whether all batches had one and the same value.
bool isConstant(const ActivationStats& stats) {
  return !stats.batchRanges.empty() && std::ranges::all_of(stats.batchRanges, [&stats](const auto& range) {
    return range.first == range.second && range.first == stats.batchRanges.front().first;
  });
}

LayerOutcome quantizeStaticLayer(const LayerTask& task, const Settings& settings, ScaleType scaleType,
                                 const RunContext& context) {
  const ActivationStats& stats = requireActivations(task);
  const ObserverKind kind = observerKind(settings.choice("observer"));
  const bool symmetric = kind == ObserverKind::Entropy || settings.choice("activation") == "symmetric";
  const ObservedRange range =
      observeRange({stats.sample.view(), stats.batchRanges}, {kind, symmetric, settings.real("percentile")}, context);
  LayerOutcome outcome{.tensor = quantizeWeights(task, settings, scaleType, context)};
  outcome.tensor->activations = staticScheme(range.low, range.high, symmetric);
  outcome.figures["input_range_low"] = static_cast<double>(range.low);
  outcome.figures["input_range_high"] = static_cast<double>(range.high);
  outcome.figures["input_scale"] = static_cast<double>(outcome.tensor->activations->scale);
  if (range.low == 0.0F && range.high == 0.0F)
    outcome.notes.emplace_back("the calibration inputs are all zero: the input scale is 1");
  else if (isConstant(stats))
    outcome.notes.push_back("the calibration inputs are all " +
                            roundedText(static_cast<double>(stats.batchRanges.front().first), 3) +
                            ": their range says nothing of other inputs");
  else if (!stats.sampleIsWhole && kind != ObserverKind::MinMax && kind != ObserverKind::MovingAverage)
    outcome.notes.push_back("the input range was found on " + std::to_string(stats.sample.rows()) + " of " +
                            std::to_string(stats.tokens) + " calibration rows");
  return outcome;
}

std::vector<LayerOutcome> quantizeStatic(std::span<const LayerTask> tasks, const Settings& settings,
                                         const QuantizeOptions& options, const RunContext& context) {
  return quantizeEach(tasks, context, [&](const LayerTask& task) {
    return quantizeStaticLayer(task, settings, options.scaleType, context);
  });
}

ParamSpec weightScales() {
  ParamSpec spec = groupSizeParam(kPerChannel);
  spec.maximum = 0;
  spec.choices = {{"-1", "Per output channel"}, {"0", "Per tensor"}};
  spec.help = "Weights that share a scale: -1 for each output channel, 0 for the whole matrix.";
  return spec;
}

ParamSpec activationParam(std::string defaultValue, std::vector<ParamChoice> choices, std::string help) {
  return {.key = "activation",
          .label = "Input scale",
          .kind = ParamKind::Choice,
          .defaultValue = std::move(defaultValue),
          .choices = std::move(choices),
          .help = std::move(help)};
}

ParamSpec observerParam() {
  return {.key = "observer",
          .label = "Observer",
          .kind = ParamKind::Choice,
          .defaultValue = std::string("min-max"),
          .choices = {{"min-max", "Min-max"},
                      {"moving-average", "Moving average min-max"},
                      {"percentile", "Percentile"},
                      {"mse", "Least squared error"},
                      {"histogram", "Histogram search"},
                      {"entropy", "Entropy (KL divergence)"}},
          .help =
              "How the inputs' range is found on the calibration data. Narrower ranges resolve small values better "
              "but cut off outlier channels; entropy is always symmetric."};
}

ParamSpec percentileParam() {
  return {.key = "percentile",
          .label = "Percentile",
          .kind = ParamKind::Real,
          .defaultValue = 99.99,
          .minimum = 50,
          .maximum = 100,
          .step = 0.01,
          .help = "Share of the input values, in percent, that the range of the percentile observer keeps.",
          .advanced = true};
}

}  // namespace

MethodInfo int8DynamicMethod() {
  return {
      .id = "int8-dynamic",
      .name = "INT8 dynamic",
      .summary = "8-bit weights per output channel and 8-bit inputs whose scale is found for each token as it runs.",
      .source = "arXiv 2208.07339 (LLM.int8()), 2206.01861 (ZeroQuant)",
      .quantizesActivations = true,
      .readsRows = true,
      .colorSlot = 6,
      .parameters = {activationParam("per-token", {{"per-token", "Per token"}, {"per-tensor", "Per tensor (affine)"}},
                                     "Inputs that share a scale: each token has its own, or the whole batch has "
                                     "one with a zero point, which outlier tokens coarsen."),
                     weightScales(), eightBitsParam()},
      .scheme = int8Scheme,
      .quantize = quantizeDynamic};
}

MethodInfo int8StaticMethod() {
  return {.id = "int8-static",
          .name = "INT8 static",
          .summary = "8-bit weights and 8-bit inputs with one input scale, found on calibration data and then frozen.",
          .source = "arXiv 1712.05877, 2004.09602; PyTorch observers",
          .needsCalibration = true,
          .quantizesActivations = true,
          .colorSlot = 6,
          .parameters = {observerParam(),
                         activationParam("affine", {{"affine", "Affine"}, {"symmetric", "Symmetric"}},
                                         "Codes 0..255 with a zero point over the range found, or signed codes around "
                                         "0 without one."),
                         percentileParam(), weightScales(), eightBitsParam()},
          .scheme = int8Scheme,
          .quantize = quantizeStatic};
}

}  // namespace qs
