#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/quant/activation_quantizer.h"
#include "core/quant/input_scaling.h"
#include "core/quant/layer_loop.h"
#include "core/quant/method_info.h"
#include "core/quant/output_error.h"
#include "core/quant/uniform_grid.h"

namespace qs {

namespace {

constexpr float kSmallest = 1e-5F;        // floor of weight maxima and of scales, as published
constexpr int kAlphaSteps = 20;           // automatic alpha: 0, 0.05 … 1
constexpr std::size_t kSearchRows = 512;  // rows the automatic alpha is judged on
constexpr double kSearchProgress = 0.8;   // its share of a layer's progress

struct SmoothOptions {
  QuantScheme scheme;
  double alpha = 0.5;
  bool autoAlpha = false;
  bool isStatic = false;
  bool meanMagnitude = false;
};

// max over the outputs of all the layers of |W|, for each input.
std::vector<float> weightMaxima(std::span<const LayerTask> tasks) {
  std::vector<float> maxima(tasks.front().weights.cols(), 0.0F);
  for (const LayerTask& task : tasks)
    for (std::size_t r = 0; r < task.weights.rows(); ++r)
      for (std::size_t c = 0; c < maxima.size(); ++c)
        maxima[c] = std::max(maxima[c], std::abs(task.weights.view()(r, c)));
  return maxima;
}

// SmoothQuant (arXiv 2211.10438). A dead input keeps the scale 1.
std::vector<float> smoothingScale(std::span<const float> inputs, std::span<const float> weights, double alpha) {
  std::vector<float> scale(inputs.size(), 1.0F);
  for (std::size_t c = 0; c < inputs.size(); ++c) {
    if (inputs[c] == 0.0F) continue;
    const double up = std::pow(static_cast<double>(inputs[c]), alpha);
    const double down = std::pow(static_cast<double>(std::max(weights[c], kSmallest)), 1.0 - alpha);
    scale[c] = std::max(static_cast<float>(up / down), kSmallest);
  }
  return scale;
}

ActivationScheme inputScheme(const ActivationStats& activations, std::span<const float> scale, bool isStatic) {
  if (!isStatic) return {};
  float low = std::numeric_limits<float>::infinity();
  float high = -low;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    low = std::min(low, activations.minimum[c] / scale[c]);
    high = std::max(high, activations.maximum[c] / scale[c]);
  }
  return staticScheme(low, high, false);
}

QuantizedTensor smoothed(const LayerTask& task, const SmoothOptions& options, const std::vector<float>& scale,
                         const RunContext& context) {
  QuantizedTensor tensor =
      quantizeUniform(scaledWeights(task.weights.view(), scale, context).view(), options.scheme, false, context);
  tensor.activations = inputScheme(*task.activations, scale, options.isStatic);
  tensor.inputScale = scale;
  tensor.inputScaleKind = InputScaleKind::Smooth;
  requireStorable(tensor);
  return tensor;
}

Matrix searchRows(const ActivationStats& activations) {
  const Matrix& sample = activations.sample;
  const std::size_t count = std::min(kSearchRows, sample.rows());
  Matrix rows(count, sample.cols());
  for (std::size_t r = 0; r < count; ++r) {
    const auto from = sample.row(r * sample.rows() / count);
    std::copy(from.begin(), from.end(), rows.row(r).begin());
  }
  return rows;
}

double groupError(std::span<const LayerTask> tasks, const SmoothOptions& options, const std::vector<float>& scale,
                  MatrixView rows, const RunContext& context) {
  OutputErrorSums sums;
  for (const LayerTask& task : tasks) {
    const OutputErrorSums part =
        outputErrorOverRows(smoothed(task, options, scale, context), task.weights.view(), rows, context);
    sums.error += part.error;
    sums.reference += part.reference;
  }
  return sums.relative();
}

struct AlphaSearch {
  double alpha = 0;
  MethodCurve curve{.title = "Output error over alpha", .xLabel = "Alpha", .yLabel = "Relative output error"};
};

AlphaSearch searchAlpha(std::span<const LayerTask> tasks, const SmoothOptions& options, std::span<const float> inputs,
                        std::span<const float> weights, const RunContext& context) {
  AlphaSearch search;
  const Matrix rows = searchRows(*tasks.front().activations);
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= kAlphaSteps; ++i) {
    const double alpha = static_cast<double>(i) / kAlphaSteps;
    const double error = groupError(tasks, options, smoothingScale(inputs, weights, alpha), rows.view(), context);
    search.curve.x.push_back(alpha);
    search.curve.y.push_back(error);
    if (error < least) {
      least = error;
      search.alpha = alpha;
    }
    context.advance(kSearchProgress * static_cast<double>(tasks.size()) / (kAlphaSteps + 1));
  }
  return search;
}

void noteInputs(const ActivationStats& activations, LayerOutcome& outcome) {
  const auto dead = std::count(activations.absMax.begin(), activations.absMax.end(), 0.0F);
  if (static_cast<std::size_t>(dead) == activations.channels)
    outcome.notes.emplace_back("the calibration inputs are all zero: nothing is smoothed");
  else if (dead > 0)
    outcome.notes.push_back(std::to_string(dead) + " inputs are always zero in calibration: their scale is 1");
}

std::vector<LayerOutcome> smoothGroup(std::span<const LayerTask> tasks, SmoothOptions options,
                                      const RunContext& context) {
  const ActivationStats& activations = sharedActivations(tasks);
  const bool mayScale = mayScaleInputs(tasks);
  const std::vector<float>& inputs = options.meanMagnitude ? activations.meanAbs : activations.absMax;
  const std::vector<float> weights = weightMaxima(tasks);
  AlphaSearch search;
  const bool searching = options.autoAlpha && mayScale;
  if (searching) {
    search = searchAlpha(tasks, options, inputs, weights, context);
    options.alpha = search.alpha;
  }
  const std::vector<float> scale =
      mayScale ? smoothingScale(inputs, weights, options.alpha) : std::vector<float>(inputs.size(), 1.0F);
  return quantizeEach(
      tasks, context,
      [&](const LayerTask& task) {
        LayerOutcome outcome{.tensor = smoothed(task, options, scale, context)};
        if (!mayScale) outcome.tensor->inputScale.clear();
        if (!mayScale) outcome.notes.emplace_back(kNotFoldableNote);
        if (mayScale) outcome.figures["alpha"] = options.alpha;
        if (searching) outcome.curves.push_back(search.curve);
        noteInputs(activations, outcome);
        return outcome;
      },
      searching ? kSearchProgress : 0.0);
}

QuantScheme smoothScheme(const Settings& settings, ScaleType scaleType) {
  QuantScheme scheme = integerScheme(settings, scaleType);
  scheme.symmetric = true;
  scheme.groupSize = kPerChannel;
  return scheme;
}

std::vector<LayerOutcome> quantizeSmooth(std::span<const LayerTask> tasks, const Settings& settings,
                                         const QuantizeOptions& options, const RunContext& context) {
  if (tasks.empty()) return {};
  const SmoothOptions smooth{.scheme = smoothScheme(settings, options.scaleType),
                             .alpha = settings.real("alpha"),
                             .autoAlpha = settings.flag("auto_alpha"),
                             .isStatic = settings.choice("activation") == "static",
                             .meanMagnitude = settings.flag("mean_magnitude")};
  try {
    return smoothGroup(tasks, smooth, context);
  } catch (const Error& error) {
    return failEach(tasks, error.what(), context);
  }
}

ParamSpec alphaParam() {
  return {.key = "alpha",
          .label = "Alpha",
          .kind = ParamKind::Real,
          .defaultValue = 0.5,
          .minimum = 0,
          .maximum = 1,
          .step = 0.05,
          .help =
              "How much of the difficulty moves from the inputs to the weights: 0 to 1. 0.5 suits most models, 0.75 to "
              "0.9 those with stronger outlier channels. 0 is not \"off\": it evens out the weights."};
}

ParamSpec autoAlphaParam() {
  return {
      .key = "auto_alpha",
      .label = "Automatic alpha",
      .kind = ParamKind::Switch,
      .defaultValue = false,
      .help =
          "Tries alpha from 0 to 1 in steps of 0.05 for each group of layers that share an input, and keeps the one "
          "with the least error of the quantized output on up to 512 calibration rows. Alpha above is ignored."};
}

ParamSpec activationParam() {
  return {.key = "activation",
          .label = "Input scale",
          .kind = ParamKind::Choice,
          .defaultValue = std::string("per-token"),
          .choices = {{"per-token", "Per token"}, {"static", "Static (affine, min-max)"}},
          .help =
              "Each token's inputs have their own scale, found as it runs; or the whole tensor has one, frozen from "
              "calibration, which costs some accuracy and saves finding it."};
}

ParamSpec meanParam() {
  return {
      .key = "mean_magnitude",
      .label = "Mean instead of maximum",
      .kind = ParamKind::Switch,
      .defaultValue = false,
      .help =
          "Introductory form: the scale comes from the mean of |x| instead of its maximum. Channels with rare large "
          "values are then smoothed too little, and those values still set the 8-bit range of the inputs.",
      .advanced = true,
      .introductory = true};
}

}  // namespace

MethodInfo smoothquantMethod() {
  return {.id = "smoothquant",
          .name = "SmoothQuant",
          .summary = "Moves the inputs' outliers into the weights, then quantizes both to 8 bits.",
          .source = "arXiv 2211.10438",
          .needsCalibration = true,
          .scalesInputs = true,
          .quantizesActivations = true,
          .colorSlot = 2,
          .roundsOnly = true,
          .parameters = {alphaParam(), autoAlphaParam(), activationParam(), meanParam(), eightBitsParam()},
          .scheme = smoothScheme,
          .quantize = quantizeSmooth};
}

}  // namespace qs
