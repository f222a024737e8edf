#include "core/session/layer_report_builder.h"

#include <algorithm>
#include <cmath>

#include "core/quant/output_error.h"
#include "core/session/channel_bands.h"

namespace qs {

namespace {

constexpr std::size_t kMaximumLevels = 256;
constexpr std::size_t kMedianValues = 16'384;  // of more, evenly spaced ones: it is where the levels are drawn
constexpr std::size_t kOutliers = 20;
constexpr float kOutlierRatio = 3.0F;  // to the median channel; below that nothing stands out

void setWeightMetrics(const ErrorStats& stats, LayerMetrics& metrics) {
  metrics.weightMse = stats.meanSquaredError();
  metrics.weightSqnrDb = stats.sqnrDb();
  metrics.weightCosine = stats.cosine();
  metrics.weightMaxAbsError = stats.maxAbsError;
  metrics.weightRelativeError = stats.relativeError();
}

float medianOf(const std::vector<float>& values) {
  const std::size_t stride = (values.size() + kMedianValues - 1) / kMedianValues;
  std::vector<float> some;
  for (std::size_t i = 0; i < values.size(); i += stride) some.push_back(values[i]);
  const auto middle = some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2);
  std::nth_element(some.begin(), middle, some.end());
  return *middle;
}

std::vector<float> levelsOf(const QuantizedTensor& tensor) {
  const float scale = medianOf(tensor.scales);
  std::vector<float> levels;
  if (!tensor.codebook.empty()) {
    for (const float value : tensor.codebook) levels.push_back(value * scale);
  } else {
    const float zero = tensor.zeroPoints.empty() ? 0.0F : medianOf(tensor.zeroPoints);
    for (int code = tensor.scheme.minCode(); code <= tensor.scheme.maxCode(); ++code)
      levels.push_back((static_cast<float>(code) - zero) * scale);
  }
  std::erase_if(levels, [](float level) { return !std::isfinite(level); });
  std::sort(levels.begin(), levels.end());
  if (levels.size() > kMaximumLevels) levels.resize(kMaximumLevels);
  return levels;
}

std::vector<float> meanSquaresOf(const ActivationStats& inputs) {
  std::vector<float> squares(inputs.channels);
  const bool hasGram = !inputs.gram.empty();
  const auto count = static_cast<double>(hasGram ? inputs.tokens : inputs.sample.rows());
  for (std::size_t i = 0; i < squares.size() && count > 0; ++i) {
    double sum = hasGram ? inputs.gram[i * inputs.channels + i] : 0.0;
    for (std::size_t row = 0; row < inputs.sample.rows() && !hasGram; ++row)
      sum += static_cast<double>(inputs.sample(row, i)) * inputs.sample(row, i);
    squares[i] = static_cast<float>(sum / count);
  }
  return squares;
}

void setOutputErrors(MatrixView weights, const LayerOutcome& outcome, const ActivationStats& inputs,
                     LayerReport& report, const RunContext& context) {
  const OutputError error = measureOutputError(*outcome.tensor, weights, inputs, context, outcome.outputError);
  report.inputMeanSquares = meanSquaresOf(inputs);
  if (std::isfinite(error.relative)) report.metrics.outputRelativeError = error.relative;
  if (std::isfinite(error.heldOut.value_or(0))) report.metrics.heldOutOutputRelativeError = error.heldOut;
  if (!std::isfinite(error.relative) || !std::isfinite(error.heldOut.value_or(0)))
    report.notes.emplace_back("output error not measured: the layer's outputs exceed the range of F32");
  if (!error.exact)
    report.notes.push_back("output error sampled: " + std::to_string(inputs.sample.rows()) + " of " +
                           std::to_string(inputs.tokens) + " calibration rows");
}

}  // namespace

LayerReport reportHead(const PlannedLayer& layer) {
  LayerReport report;
  report.name = layer.name;
  report.shape = layer.shape;
  report.method = layer.plan.method->id;
  report.settings = layer.plan.settings;
  report.originalBytes = layer.tensor->info.bytes;
  return report;
}

void addDescription(const WeightDescription& description, LayerReport& report) {
  if (description.isCounted) report.before = description.histogram;
  report.channels = channelBands(description.channels);
  report.outliers = outlierChannels(description.channels.absMax, kOutliers, kOutlierRatio);
}

void measureOutcome(const WeightRows& weights, const WeightDescription& description, const LayerOutcome& outcome,
                    const ActivationStats* inputs, LayerReport& report, const RunContext& context,
                    ComparisonMaps* maps) {
  report.notes = outcome.notes;
  report.figures = outcome.figures;
  report.curves = outcome.curves;
  if (!outcome.tensor) {
    report.error = outcome.error.empty() ? "the method gave no result" : outcome.error;
    return;
  }
  const QuantizedTensor& tensor = *outcome.tensor;
  const WeightComparison comparison =
      compareWeights(weights, tensor, description, tensor.scheme.groupLength(tensor.cols), context, maps);
  report.scheme = tensor.scheme;
  report.quantizedBytes = tensor.storedBytes();
  report.bitsPerWeight = tensor.bitsPerWeight();
  setWeightMetrics(comparison.errors, report.metrics);
  setChannelErrors(comparison.channelMeanSquaredError, report.channels);
  report.groupErrors = groupErrors(comparison.groupMeanSquaredError, comparison.groupsPerRow);
  report.levels = levelsOf(tensor);
  report.before = comparison.before;
  report.after = comparison.after;
  if (inputs != nullptr) setOutputErrors(weights.view(), outcome, *inputs, report, context);
}

}  // namespace qs
