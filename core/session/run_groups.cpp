#include "core/session/run_groups.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/base/error.h"
#include "core/base/glob.h"
#include "core/model/architecture_registry.h"
#include "core/model/layer_groups.h"
#include "core/session/linear_weights.h"

namespace qs {

namespace {

struct SuffixFamily {
  std::string_view family;
  std::string_view suffix;
};

constexpr std::array<SuffixFamily, 5> kFamilies{
    {{"qkv", "q_proj"}, {"qkv", "k_proj"}, {"qkv", "v_proj"}, {"gate_up", "gate_proj"}, {"gate_up", "up_proj"}}};

std::string suffixKey(std::string_view layer, std::uint64_t inputs) {
  const std::size_t dot = layer.rfind('.');
  const std::string_view parent = dot == std::string_view::npos ? std::string_view() : layer.substr(0, dot);
  const std::string_view last = dot == std::string_view::npos ? layer : layer.substr(dot + 1);
  for (const SuffixFamily& family : kFamilies)
    if (last == family.suffix)
      return std::string(parent) + "|" + std::string(family.family) + "|" + std::to_string(inputs);
  return std::string(layer);
}

std::vector<PlannedLayer> planLayers(const Checkpoint& model, const QuantRequest& request) {
  requireLayersToQuantize(model, request);
  std::vector<PlannedLayer> planned;
  for (const CheckpointTensor* tensor : chooseLayers(model, request.layers)) {
    const std::string layer = layerName(tensor->info.name);
    if (std::optional<LayerPlan> plan = planLayer(request, layer))
      planned.push_back({tensor, layer, linearShape(model, tensor->info), std::move(*plan)});
  }
  return planned;
}

// The architecture's groups, where it is known: by layer, the group's name, its size, and whether it takes a scale.
struct KnownGroup {
  std::string key;
  std::size_t size = 0;
  bool foldable = false;
};
using KnownGroups = std::map<std::string, KnownGroup>;

KnownGroups knownGroups(const Checkpoint& model) {
  KnownGroups known;
  const std::optional<ArchitectureSpec> spec = tryArchitecture(model);
  if (!spec) return known;
  for (const LayerGroup& group : layerGroups(*spec))
    for (const LinearSpec& linear : group.linears)
      known[linear.name] = {"model|" + group.linears.front().name, group.linears.size(), group.producer.foldable};
  return known;
}

std::string keyOf(const KnownGroups& known, const QuantRequest& request, const PlannedLayer& layer) {
  const auto found = known.find(layer.name);
  return found != known.end() ? found->second.key : sharedInputKey(request, layer.name, layer.shape[1]);
}

// A scale folds only where all that read the input have it. A folded linear needs a scale a row.
bool mayScale(const KnownGroups& known, const RunGroup& group) {
  if (known.empty()) return true;
  const auto found = known.find(group.layers.front().name);
  return found != known.end() && found->second.foldable && found->second.size == group.layers.size();
}

bool hasOneScale(const LayerPlan& plan) {
  return plan.settings.contains("group_size") && plan.settings.integer("group_size") == kPerTensor;
}

}  // namespace

std::uint64_t RunGroup::elements() const {
  std::uint64_t sum = 0;
  for (const PlannedLayer& layer : layers) sum += layer.tensor->info.elements;
  return sum;
}

void requireLayersToQuantize(const Checkpoint& model, const QuantRequest& request) {
  const std::vector<const CheckpointTensor*> chosen = chooseLayers(model, request.layers);
  if (chosen.empty()) throw requestError(model.displayName(), "has no layer to quantize");
  const bool areAllSkipped = std::all_of(chosen.begin(), chosen.end(), [&request](const CheckpointTensor* tensor) {
    return isSkipped(request, layerName(tensor->info.name));
  });
  if (areAllSkipped)
    throw requestError("overrides", "they skip every layer that is chosen of " + model.displayName() +
                                        ": no layer is left to quantize");
}

std::string sharedInputKey(const QuantRequest& request, std::string_view layer, std::uint64_t inputs) {
  for (const std::string& glob : request.shareInput)
    if (globMatches(glob, layer))
      return "glob|" + glob + "|" + std::to_string(blockNumber(layer)) + "|" + std::to_string(inputs);
  return suffixKey(layer, inputs);
}

std::vector<RunGroup> planGroups(const Checkpoint& model, const QuantRequest& request) {
  std::vector<RunGroup> groups;
  std::multimap<std::string, std::size_t> groupsByKey;
  const KnownGroups known = knownGroups(model);
  for (PlannedLayer& layer : planLayers(model, request)) {
    const bool mayShare = layer.plan.method->scalesInputs || hasCalibration(request);
    const std::string key = mayShare ? keyOf(known, request, layer) : layer.name;
    const auto [first, last] = groupsByKey.equal_range(key);
    const auto same = std::find_if(first, last, [&](const auto& entry) {
      const LayerPlan& plan = groups[entry.second].layers.front().plan;
      return plan.method == layer.plan.method && plan.settings == layer.plan.settings;
    });
    if (same != last) {
      groups[same->second].layers.push_back(std::move(layer));
    } else {
      groupsByKey.emplace(key, groups.size());
      groups.push_back({{std::move(layer)}});
    }
  }
  for (RunGroup& group : groups)
    group.mayScaleInput = mayScale(known, group) && !hasOneScale(group.layers.front().plan);
  return groups;
}

}  // namespace qs
