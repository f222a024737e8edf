#include "core/model/architectures/common.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"

namespace qs {

std::string prefixOf(const Checkpoint& model, std::initializer_list<std::string_view> prefixes, std::string_view name) {
  for (const std::string_view prefix : prefixes)
    if (model.find(std::string(prefix) + std::string(name)) != nullptr) return std::string(prefix);
  return std::string(*prefixes.begin());
}

ArchitectureSpec baseSpec(const ModelConfig& config, const Checkpoint& model) {
  ArchitectureSpec spec{.modelName = model.displayName(),
                        .family = config.modelType,
                        .vocabSize = config.vocabSize,
                        .hiddenSize = config.hiddenSize,
                        .embeddingDim = config.embeddingDim,
                        .intermediateSize = config.intermediateSize,
                        .heads = config.heads,
                        .kvHeads = config.kvHeads,
                        .headDim = config.headDim,
                        .contextLength = config.contextLength};
  if (config.rope) spec.rope = makeRope(*config.rope, config.headDim, config.subject);
  spec.finalSoftCap = config.finalSoftCap;
  spec.bosId = config.bosId;
  spec.eosIds = config.eosIds;
  return spec;
}

AttentionSpec makeAttention(const ModelConfig& config, std::size_t block, const std::string& prefix,
                            std::initializer_list<std::string_view> names, std::string_view output) {
  const std::size_t q = config.heads * config.headDim;
  const std::size_t kv = config.kvHeads * config.headDim;
  AttentionSpec attention;
  const bool fused = names.size() == 1;
  for (const std::string_view name : names) {
    const std::size_t out = fused ? q + 2 * kv : (attention.inputs.empty() ? q : kv);
    attention.inputs.push_back(
        {.name = prefix + std::string(name), .out = out, .in = config.hiddenSize, .bias = config.attentionBias});
  }
  attention.output = {
      .name = prefix + std::string(output), .out = config.hiddenSize, .in = q, .bias = config.outputBias};
  const double dims = config.queryPreAttentionScalar.value_or(static_cast<double>(config.headDim));
  attention.scoreScale = config.scaleAttention ? 1.0 / std::sqrt(dims) : 1.0;
  if (config.scaleByInverseBlock) attention.scoreScale /= static_cast<double>(block + 1);
  attention.softCap = config.attentionSoftCap;
  attention.window = config.slidingWindows.at(block);
  return attention;
}

void setHead(const ModelConfig& config, std::string name, bool bias, ArchitectureSpec& spec) {
  spec.tiedHead = config.tiedEmbeddings;
  spec.head = {.name = std::move(name), .out = config.vocabSize, .in = config.embeddingDim, .bias = bias};
}

Activation activationOf(const ModelConfig& config) {
  const std::string& name = config.activation;
  if (name == "silu" || name == "swish") return Activation::Silu;
  if (name == "relu") return Activation::Relu;
  if (name == "gelu") return Activation::GeluExact;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") return Activation::GeluTanh;
  if (name == "quick_gelu") return Activation::QuickGelu;
  throw inputError(config.subject, "the activation \"" + name + "\" is not supported");
}

}  // namespace qs
