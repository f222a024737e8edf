#include "core/session/audit/tensor_pairs.h"

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>

#include <nlohmann/json.hpp>

namespace qs {

namespace {

using nlohmann::json;

std::string_view withoutWrapper(std::string_view name) {
  for (const std::string_view prefix : {"transformer.", "model."})
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  return name;
}

// Names without their wrapper; those that more than one tensor has stand for none.
std::map<std::string_view, const CheckpointTensor*> byInnerName(const Checkpoint& model) {
  std::map<std::string_view, const CheckpointTensor*> tensors;
  for (const CheckpointTensor& tensor : model.tensors()) {
    const auto [entry, isNew] = tensors.emplace(withoutWrapper(tensor.info.name), &tensor);
    if (!isNew) entry->second = nullptr;
  }
  return tensors;
}

bool matchesExpression(const std::string& expression, const std::string& layer) {
  try {
    return std::regex_search(layer, std::regex(expression), std::regex_constants::match_continuous);
  } catch (const std::regex_error&) {
    return false;  // the importer tells
  }
}

// compressed-tensors: exact names, or "re:" and an expression; the other formats: parts of the name.
bool isListed(const json& config, const char* key, const std::string& layer) {
  const auto list = config.find(key);
  if (list == config.end() || !list->is_array()) return false;
  return std::ranges::any_of(*list, [&](const json& entry) {
    if (!entry.is_string()) return false;
    const auto& text = entry.get_ref<const std::string&>();
    if (text.starts_with("re:")) return matchesExpression(text.substr(3), layer);
    return std::string_view(key) == "ignore" ? text == layer : layer.find(text) != std::string::npos;
  });
}

// GPTQ's `dynamic` skips what a key with "-:" matches.
bool isSkipped(const json& config, const std::string& layer) {
  const auto dynamic = config.find("dynamic");
  if (dynamic == config.end() || !dynamic->is_object()) return false;
  return std::ranges::any_of(dynamic->items(), [&](const auto& item) {
    return item.key().starts_with("-:") && matchesExpression(item.key().substr(2), layer);
  });
}

// GPTQ's list of lists of the modules that are quantized, named from within their block.
bool isOutsideListedModules(const json& config, const std::string& layer) {
  const auto lists = config.find("modules_in_block_to_quantize");
  if (lists == config.end() || !lists->is_array() || lists->empty()) return false;
  const std::string flat = lists->dump();
  for (std::size_t dot = layer.find('.'); dot != std::string::npos; dot = layer.find('.', dot + 1))
    if (flat.find('"' + layer.substr(dot + 1) + '"') != std::string::npos) return false;
  return true;
}

}  // namespace

std::vector<TensorPair> pairTensors(const Checkpoint& original, const Checkpoint& quantized) {
  const auto byName = byInnerName(quantized);
  std::set<const CheckpointTensor*> used;
  std::vector<TensorPair> pairs;
  for (const CheckpointTensor& tensor : original.tensors()) {
    const CheckpointTensor* match = quantized.find(tensor.info.name);
    if (match == nullptr) {
      const auto found = byName.find(withoutWrapper(tensor.info.name));
      if (found != byName.end()) match = found->second;
    }
    if (match != nullptr && !used.insert(match).second) match = nullptr;
    pairs.push_back({&tensor, match});
  }
  for (const CheckpointTensor& tensor : quantized.tensors())
    if (!used.contains(&tensor)) pairs.push_back({nullptr, &tensor});
  return pairs;
}

bool isIncidentalTensor(std::string_view name) {
  constexpr std::array<std::string_view, 12> kEnds{
      "rotary_emb.inv_freq", "rope_freqs.weight", ".attn.bias", ".attn.masked_bias",
      "position_ids",        ".smooth_scale",     ".awq_scale", ".input_scale",
      ".input_zero_point",   ".k_scale",          ".v_scale",   ".g_idx"};
  return std::ranges::any_of(kEnds, [name](std::string_view end) { return name.ends_with(end); });
}

bool isDeclaredUnquantized(const std::string& configJson, const std::string& layer) {
  const json config = json::parse(configJson, nullptr, false);
  if (!config.is_object()) return false;
  const auto found = config.find("quantization_config");
  if (found == config.end() || !found->is_object()) return false;
  for (const char* key : {"ignore", "modules_to_not_convert", "llm_int8_skip_modules"})
    if (isListed(*found, key, layer)) return true;
  return isSkipped(*found, layer) || isOutsideListedModules(*found, layer);
}

}  // namespace qs
