#include "core/session/layer_filter.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/base/error.h"
#include "core/base/glob.h"

namespace qs {

namespace {

constexpr std::string_view kWeightSuffix = ".weight";

std::string_view lastPart(std::string_view name) { return name.substr(name.rfind('.') + 1); }

bool containsAny(std::string_view text, std::span<const std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [text](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

bool isAny(std::string_view text, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool isEmbeddingName(std::string_view layer) {
  static constexpr std::array<std::string_view, 8> kParts{"embed_tokens", "embed_positions", "embed_in",
                                                          "word_embed",   "tok_embed",       "embeddings",
                                                          "token_embd",   "position_embd"};
  static constexpr std::array<std::string_view, 4> kNames{"wte", "wpe", "shared", "relative_attention_bias"};
  return containsAny(layer, kParts) || isAny(lastPart(layer), kNames);
}

bool isHeadName(std::string_view layer) {
  static constexpr std::array<std::string_view, 4> kNames{"lm_head", "embed_out", "score", "classifier"};
  return isAny(lastPart(layer), kNames) || layer == "output";
}

bool isNormName(std::string_view layer) {
  const std::string_view part = lastPart(layer);
  return part.find("norm") != std::string_view::npos || part.substr(0, 3) == "ln_" || part == "ln";
}

// The router of a mixture of experts: tiny, and its errors send tokens to other experts.
bool isRouterName(std::string_view layer) {
  static constexpr std::array<std::string_view, 4> kEnds{"mlp.gate", "block_sparse_moe.gate", "ffn_gate_inp", "router"};
  return std::any_of(kEnds.begin(), kEnds.end(), [layer](std::string_view end) {
    return layer.size() >= end.size() && layer.substr(layer.size() - end.size()) == end;
  });
}

bool isFloating(DType type) {
  switch (type) {
    case DType::Bool:
    case DType::U8:
    case DType::I8:
    case DType::I16:
    case DType::U16:
    case DType::I32:
    case DType::U32:
    case DType::I64:
    case DType::U64:
    case DType::C64:
    case DType::F8E8M0:
      return false;
    default:
      return true;
  }
}

bool isMatrix(const TensorInfo& tensor) { return tensor.shape.size() == 2 && tensor.elements > 0; }

bool isNamed(const std::vector<std::string>& globs, std::string_view layer) {
  return std::any_of(globs.begin(), globs.end(), [layer](const std::string& glob) { return globMatches(glob, layer); });
}

}  // namespace

std::string layerName(std::string_view tensorName) {
  if (tensorName.size() > kWeightSuffix.size() && tensorName.ends_with(kWeightSuffix))
    tensorName.remove_suffix(kWeightSuffix.size());
  return std::string(tensorName);
}

TensorRole tensorRole(const TensorInfo& tensor) {
  if (tensor.name.ends_with(".bias")) return tensor.shape.size() <= 1 ? TensorRole::Bias : TensorRole::Other;
  const std::string layer = layerName(tensor.name);
  if (isEmbeddingName(layer)) return TensorRole::Embedding;
  if (isHeadName(layer)) return TensorRole::Head;
  if (isNormName(layer)) return TensorRole::Norm;
  const bool isWeight = tensor.name.ends_with(kWeightSuffix) || tensor.name == "weight";
  if (!isMatrix(tensor) || !isWeight || isRouterName(layer) || !isFloating(tensor.dtype)) return TensorRole::Other;
  return TensorRole::Linear;
}

const CheckpointTensor& requireLayer(const Checkpoint& model, std::string_view layer) {
  const CheckpointTensor* tensor = model.find(std::string(layer) + std::string(kWeightSuffix));
  if (tensor == nullptr) tensor = model.find(layer);
  if (tensor == nullptr) throw requestError("layer '" + std::string(layer) + "'", "not in " + model.displayName());
  return *tensor;
}

int blockNumber(std::string_view name) {
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('.'));
    const bool isNumber = !part.empty() && part.size() < 9 &&
                          std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (isNumber) return std::stoi(std::string(part));
    name.remove_prefix(std::min(name.size(), part.size() + 1));
  }
  return -1;
}

void requireEveryGlobMatches(const Checkpoint& model, std::string_view option, const std::vector<std::string>& globs) {
  for (const std::string& glob : globs) {
    const bool found = std::any_of(model.tensors().begin(), model.tensors().end(), [&](const CheckpointTensor& tensor) {
      return isMatrix(tensor.info) && globMatches(glob, layerName(tensor.info.name));
    });
    if (!found)
      throw requestError(std::string(option) + " '" + glob + "'",
                         "no layer of " + model.displayName() + " has such a name");
  }
}

std::vector<const CheckpointTensor*> chooseLayers(const Checkpoint& model, const LayerFilter& filter) {
  requireEveryGlobMatches(model, "layers", filter.include);
  std::vector<const CheckpointTensor*> chosen;
  for (const CheckpointTensor& tensor : model.tensors()) {
    const std::string layer = layerName(tensor.info.name);
    const bool wanted = filter.include.empty() ? tensorRole(tensor.info) == TensorRole::Linear
                                               : isMatrix(tensor.info) && isNamed(filter.include, layer);
    if (wanted && !isNamed(filter.exclude, layer)) chosen.push_back(&tensor);
  }
  std::stable_sort(chosen.begin(), chosen.end(), [](const CheckpointTensor* a, const CheckpointTensor* b) {
    return blockNumber(a->info.name) < blockNumber(b->info.name);
  });
  return chosen;
}

}  // namespace qs
