#include "core/session/preview.h"

#include <algorithm>
#include <chrono>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/dequantize.h"
#include "core/session/activation_provider.h"
#include "core/session/layer_report_builder.h"
#include "core/session/linear_weights.h"
#include "core/session/run_groups.h"

namespace qs {

namespace {

PlannedLayer plannedLayer(const Checkpoint& model, const LayerWeights& weights, const QuantRequest& request) {
  std::optional<LayerPlan> plan = planLayer(request, weights.name);
  if (!plan) throw requestError("layer '" + weights.name + "'", "is skipped by an override");
  return {&requireLayer(model, weights.name), weights.name, weights.shape, std::move(*plan)};
}

// The group that a whole run would put the layer in; the layer alone where the filter leaves it out.
RunGroup groupOf(const Checkpoint& model, const LayerWeights& weights, const QuantRequest& request) {
  PlannedLayer planned = plannedLayer(model, weights, request);
  if (planned.plan.method->scalesInputs) {
    for (RunGroup& group : planGroups(model, request)) {
      const auto contains = [&](const PlannedLayer& layer) { return layer.name == weights.name; };
      if (std::any_of(group.layers.begin(), group.layers.end(), contains)) return std::move(group);
    }
  }
  return {{std::move(planned)}};
}

std::shared_ptr<const ActivationStats> inputsOf(const Checkpoint& model, const RunGroup& group,
                                                const QuantRequest& request, const RunContext& context) {
  const std::unique_ptr<ActivationProvider> provider = makeActivationProvider(model, request);
  if (!provider) return nullptr;
  std::vector<std::string> names;
  for (const PlannedLayer& layer : group.layers) names.push_back(layer.name);
  return provider->statsFor(names, group.inputs(), context);
}

LayerOutcome quantizeLayer(const Checkpoint& model, const LayerWeights& weights, const RunGroup& group,
                           const ActivationStats* inputs, const QuantRequest& request, const CurveObserver& observer,
                           const RunContext& context) {
  std::vector<Matrix> others;
  std::vector<LayerTask> tasks;
  std::size_t wanted = 0;
  others.reserve(group.layers.size());
  for (const PlannedLayer& layer : group.layers) {
    MatrixView view = weights.values.view();
    if (layer.name == weights.name) {
      wanted = tasks.size();
    } else {
      try {
        others.push_back(loadLinear(model, *layer.tensor, context));
      } catch (const Error&) {
        continue;  // fails by itself, when it is its turn
      }
      view = others.back().view();
    }
    tasks.push_back({.name = layer.name, .weights = view, .activations = inputs, .mayScaleInput = group.mayScaleInput});
  }
  const LayerPlan& plan = group.layers.front().plan;
  const QuantizeOptions options{.scaleType = request.scaleType, .seed = request.seed, .curveObserver = observer};
  return std::move(plan.method->quantize(tasks, plan.settings, options, context).at(wanted));
}

LayerPreviewPtr makePreview(const Checkpoint& model, const LayerWeightsPtr& weights, const QuantRequest& request,
                            const PreviewOptions& options, const RunContext& context) {
  const auto start = std::chrono::steady_clock::now();
  const RunGroup group = groupOf(model, *weights, request);
  const std::shared_ptr<const ActivationStats> inputs =
      options.inputs ? options.inputs : inputsOf(model, group, request, context);
  LayerOutcome outcome = quantizeLayer(model, *weights, group, inputs.get(), request, options.curveObserver, context);
  auto preview = std::make_shared<LayerPreview>();
  preview->weights = weights;
  preview->report = reportHead(plannedLayer(model, *weights, request));
  preview->report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  addDescription(weights->description, preview->report);
  measureOutcome(weights->values.view(), weights->description, outcome, inputs.get(), preview->report, context,
                 &preview->maps);
  if (!preview->report.error.empty()) throw failedError("layer '" + weights->name + "'", preview->report.error);
  preview->quantized = std::move(*outcome.tensor);
  return preview;
}

}  // namespace

void LayerPreview::dequantizeRow(std::size_t row, std::span<float> out) const {
  dequantizeTile(quantized, row, {out.data(), 1, out.size()});
}

LayerWeightsPtr loadLayerWeights(const Checkpoint& model, std::string_view layer, const RunContext& context) {
  const CheckpointTensor& tensor = requireLayer(model, layer);
  if (tensor.info.elements == 0)
    throw inputError(tensor.file + ", tensor '" + tensor.info.name + "'",
                     "holds no values: its shape is " + toText(tensor.info.shape));
  auto weights = std::make_shared<LayerWeights>();
  inWorkerArena(context, [&] {
    weights->name = layerName(tensor.info.name);
    weights->values = loadLinear(model, tensor, context);
    weights->shape = linearShape(model, tensor.info);
    weights->originalBytes = tensor.info.bytes;
    weights->description = describeWeights(weights->values.view(), context);
    weights->unquantized.name = weights->name;
    weights->unquantized.shape = weights->shape;
    weights->unquantized.originalBytes = tensor.info.bytes;
    addDescription(weights->description, weights->unquantized);
    weights->pyramid = AbsMaxPyramid(weights->values.view(), context);
  });
  return weights;
}

std::shared_ptr<const ActivationStats> loadLayerInputs(const Checkpoint& model, const LayerWeightsPtr& weights,
                                                       const QuantRequest& request, const RunContext& context) {
  validateRequest(request);
  std::shared_ptr<const ActivationStats> inputs;
  inWorkerArena(context, [&] { inputs = inputsOf(model, groupOf(model, *weights, request), request, context); });
  return inputs;
}

LayerPreviewPtr previewLayer(const Checkpoint& model, const LayerWeightsPtr& weights, const QuantRequest& request,
                             const RunContext& context, const PreviewOptions& options) {
  validateRequest(request);
  LayerPreviewPtr preview;
  inWorkerArena(context, [&] { preview = makePreview(model, weights, request, options, context); });
  return preview;
}

}  // namespace qs
