#include "core/session/audit/tensor_pairs.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace qs {

namespace {

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

}  // namespace qs
