#include "core/exporters/layer_preflight.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/model/architecture_registry.h"
#include "core/session/layer_filter.h"
#include "core/session/linear_weights.h"

namespace qs {

namespace {

constexpr std::size_t kMostFaults = 20;

bool isOn(const Settings& settings, std::string_view key) {
  return settings.contains(key) && std::holds_alternative<bool>(settings.value(key)) && settings.flag(key);
}

bool isChoice(const Settings& settings, std::string_view key, std::string_view choice) {
  return settings.contains(key) && settings.choice(key) == choice;
}

PreflightLayer describe(const Checkpoint& model, const CheckpointTensor& tensor, const LayerPlan& plan,
                        ScaleType scaleType) {
  const Shape shape = linearShape(model, tensor.info);
  return {.name = layerName(tensor.info.name),
          .rows = shape.at(0),
          .cols = shape.at(1),
          .method = plan.method->id,
          .scheme = plan.method->scheme(plan.settings, scaleType),
          .quantizesInputs = plan.method->quantizesActivations || isOn(plan.settings, "quantize_inputs"),
          .isDynamicPerTensor = isChoice(plan.settings, "activation", "per-tensor"),
          .scalesInputs = plan.method->scalesInputs || isChoice(plan.settings, "start", "awq"),
          .isEmbedding = tensorRole(tensor.info) == TensorRole::Embedding,
          .mayReorderGroups = isOn(plan.settings, "act_order") && !isOn(plan.settings, "static_groups")};
}

// The name under which loaders fuse a projection with its neighbours; empty for the others.
std::string fusedName(const std::string& layer) {
  for (const char* part : {"q_proj", "k_proj", "v_proj"})
    if (layer.ends_with(part)) return layer.substr(0, layer.size() - 6) + "qkv";
  for (const char* part : {"gate_proj", "up_proj"})
    if (layer.ends_with(part)) return layer.substr(0, layer.rfind('.') + 1) + "gate_up";
  return {};
}

// Loaders that fuse q/k/v and gate/up need all parts alike.
std::string fusionAdvice(const Checkpoint& model, const std::vector<PreflightLayer>& layers) {
  std::map<std::string, const PreflightLayer*> first;
  std::map<std::string, const PreflightLayer*> byName;
  for (const PreflightLayer& layer : layers) byName[layer.name] = &layer;
  for (const CheckpointTensor& tensor : model.tensors()) {
    const std::string name = layerName(tensor.info.name);
    const std::string fused = tensor.info.shape.size() == 2 ? fusedName(name) : "";
    if (fused.empty()) continue;
    const auto found = byName.find(name);
    const PreflightLayer* layer = found == byName.end() ? nullptr : found->second;
    const PreflightLayer* other = first.emplace(fused, layer).first->second;
    if ((layer == nullptr) != (other == nullptr) || (layer != nullptr && layer->scheme != other->scheme))
      return "vLLM and SGLang fuse q, k, v and gate, up and need them alike; '" + name +
             "' differs from its neighbours";
  }
  return {};
}

void addAdvice(const Checkpoint& model, const std::vector<PreflightLayer>& layers, const FolderRules& rules,
               std::vector<PreflightFinding>& findings) {
  for (const LayerRemark& advise : rules.advice) {
    std::map<std::string, std::size_t> remarks;
    for (const PreflightLayer& layer : layers)
      if (const std::string remark = advise(layer); !remark.empty()) ++remarks[remark];
    for (const auto& [remark, count] : remarks) {
      const bool isAll = count == layers.size();
      findings.push_back({false, {}, (isAll ? "" : std::to_string(count) + " layers: ") + remark});
    }
  }
  if (const std::string remark = fusionAdvice(model, layers); !remark.empty()) findings.push_back({false, {}, remark});
}

}  // namespace

std::vector<PreflightLayer> preflightLayers(const Checkpoint& model, const QuantRequest& request, ScaleType scaleType) {
  std::vector<PreflightLayer> layers;
  for (const CheckpointTensor* tensor : chooseLayers(model, request.layers))
    if (const auto plan = planLayer(request, layerName(tensor->info.name)))
      layers.push_back(describe(model, *tensor, *plan, scaleType));
  return layers;
}

std::vector<PreflightFinding> preflightModel(const Checkpoint& model, const QuantRequest& request,
                                             const std::vector<PreflightLayer>& layers,
                                             const std::vector<ScaleType>& scaleTypes) {
  std::vector<PreflightFinding> findings;
  if (model.contents().configJson.empty())
    findings.push_back({true, {}, "a whole model is written, and this one has no config.json: open its folder"});
  if (std::ranges::find(scaleTypes, request.scaleType) == scaleTypes.end())
    findings.push_back({true,
                        {},
                        "this format stores " + toText(scaleTypes.front()) + " scales, and the run has " +
                            toText(request.scaleType) + ": run again for this format"});
  const bool scales =
      std::any_of(layers.begin(), layers.end(), [](const PreflightLayer& layer) { return layer.scalesInputs; });
  std::string whyNot;
  if (scales && !model.contents().configJson.empty() && !tryArchitecture(model, &whyNot))
    findings.push_back(
        {true,
         {},
         "input scales have to be folded into the operations before, and the architecture isn't known (" + whyNot +
             "): choose a method that scales no inputs"});
  return findings;
}

std::vector<PreflightFinding> preflightFolder(const Checkpoint& model, const QuantRequest& request,
                                              const FolderRules& rules) {
  const std::vector<PreflightLayer> layers = preflightLayers(model, request, request.scaleType);
  std::vector<PreflightFinding> findings = preflightModel(model, request, layers, rules.scaleTypes);
  for (const PreflightLayer& layer : layers) {
    std::string fault = layer.isEmbedding
                            ? "is an embedding: this format's loaders quantize linear layers only; skip it"
                            : rules.fault(layer);
    if (fault.empty() && rules.oneSetting && layer.scheme != layers.front().scheme)
      fault =
          "has other settings than the first layer; this format holds one for all: quantize every layer alike, or skip "
          "some";
    if (!fault.empty() && findings.size() < kMostFaults) findings.push_back({true, layer.name, fault});
  }
  if (std::none_of(findings.begin(), findings.end(), [](const PreflightFinding& f) { return f.blocking; }))
    addAdvice(model, layers, rules, findings);
  return findings;
}

bool hasBf16Weights(const Checkpoint& model) {
  const auto linear = std::ranges::find_if(
      model.tensors(), [](const CheckpointTensor& tensor) { return tensorRole(tensor.info) == TensorRole::Linear; });
  return linear != model.tensors().end() && linear->info.dtype == DType::BF16;
}

std::string groupFault(const PreflightLayer& layer) {
  if (layer.groupsDivide()) return {};
  return "its " + std::to_string(layer.cols) + " inputs are no multiple of the group size " +
         std::to_string(layer.scheme.groupSize) + ": choose a group size that divides them, or -1";
}

std::string fusedKernelAdvice(const PreflightLayer& layer) {
  constexpr std::array<std::int64_t, 5> kGroupSizes{kPerChannel, kPerTensor, 32, 64, 128};
  const bool hasUsualGroups =
      std::find(kGroupSizes.begin(), kGroupSizes.end(), layer.scheme.groupSize) != kGroupSizes.end();
  if (!hasUsualGroups) return "vLLM's fused kernels take groups of 32, 64 or 128, or one per channel (-1)";
  if (layer.rows % 64 != 0 || layer.cols % 128 != 0)
    return "vLLM's fused kernels want outputs in multiples of 64 and inputs in multiples of 128; slower kernels may "
           "take them";
  return {};
}

}  // namespace qs
