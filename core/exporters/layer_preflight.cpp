#include "core/exporters/layer_preflight.h"

#include "core/session/layer_filter.h"
#include "core/session/linear_weights.h"

namespace qs {

namespace {

constexpr std::size_t kMostFindings = 20;

// What a method will make, by its settings.
QuantScheme schemeOf(const LayerPlan& plan, ScaleType scaleType) {
  QuantScheme scheme;
  scheme.scaleType = scaleType;
  if (plan.settings.contains("bits")) scheme = integerScheme(plan.settings, scaleType);
  const std::string& id = plan.method->id;
  if (id == "hqq") scheme.realZeroPoint = true;
  if (id == "nf4" || id == "mxfp4" || id == "fp8-e4m3") {
    scheme.number = NumberFormat::Codebook;
    scheme.codebookName = id == "nf4" ? "nf4" : id == "mxfp4" ? "e2m1" : "e4m3";
    scheme.bits = id == "fp8-e4m3" ? 8 : 4;
    scheme.groupSize = plan.settings.contains("group_size") ? plan.settings.integer("group_size") : kPerChannel;
  }
  return scheme;
}

bool isOn(const Settings& settings, std::string_view key) {
  return settings.contains(key) && std::holds_alternative<bool>(settings.value(key)) && settings.flag(key);
}

PreflightLayer describe(const Checkpoint& model, const CheckpointTensor& tensor, const LayerPlan& plan,
                        ScaleType scaleType) {
  const Shape shape = linearShape(model, tensor.info);
  return {.name = layerName(tensor.info.name),
          .rows = shape.at(0),
          .cols = shape.at(1),
          .method = plan.method->id,
          .scheme = schemeOf(plan, scaleType),
          .quantizesInputs = plan.method->quantizesActivations,
          .mayReorderGroups = isOn(plan.settings, "act_order") && !isOn(plan.settings, "static_groups")};
}

}  // namespace

std::vector<PreflightFinding> preflightLayers(const Checkpoint& model, const QuantRequest& request, ScaleType scaleType,
                                              bool oneSetting, const LayerCheck& check) {
  std::vector<PreflightFinding> findings;
  if (model.contents().configJson.empty())
    findings.push_back({true, {}, "a whole model is written, and this one has no config.json: open its folder"});
  if (request.scaleType != scaleType)
    findings.push_back(
        {true, {}, "this format stores F16 scales, and the run keeps its own: run again for this format"});
  std::optional<QuantScheme> first;
  for (const CheckpointTensor* tensor : chooseLayers(model, request.layers)) {
    const auto plan = planLayer(request, layerName(tensor->info.name));
    if (!plan || findings.size() >= kMostFindings) continue;
    const PreflightLayer layer = describe(model, *tensor, *plan, scaleType);
    if (!first) first = layer.scheme;
    std::string fault = check(layer);
    if (fault.empty() && oneSetting && layer.scheme != *first)
      fault =
          "has other settings than the first layer; this format holds one for all: quantize every layer alike, or skip "
          "some";
    if (!fault.empty()) findings.push_back({true, layer.name, fault});
  }
  return findings;
}

}  // namespace qs
