#include <cmath>

#include "core/model/architectures/common.h"
#include "core/model/architectures/factories.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

bool isGemma(const ModelConfig& config) { return config.modelType == "gemma" || config.modelType == "gemma2"; }

NormSpec norm(const ModelConfig& config, std::string name, std::size_t size) {
  return {.kind = isGemma(config) ? NormKind::RmsPlusOne : NormKind::Rms,
          .name = std::move(name),
          .size = size,
          .epsilon = config.normEpsilon};
}

/// Gemma's √hidden, rounded to the type in which the model was trained, as its reference code does.
double embeddingScale(const ModelConfig& config) {
  const auto exact = static_cast<float>(std::sqrt(static_cast<double>(config.hiddenSize)));
  if (config.computeType == DType::BF16) return bfloat16ToFloat(floatToBfloat16(exact));
  return config.computeType == DType::F16 ? halfToFloat(floatToHalf(exact)) : exact;
}

MlpSpec makeMlp(const ModelConfig& config, const std::string& prefix, bool fused) {
  const auto linear = [&](const char* name, std::size_t out, std::size_t in) {
    return LinearSpec{.name = prefix + name, .out = out, .in = in, .bias = config.mlpBias};
  };
  const std::size_t ffn = config.intermediateSize;
  const std::size_t hidden = config.hiddenSize;
  MlpSpec mlp{.activation = activationOf(config), .down = linear("down_proj", hidden, ffn)};
  if (fused) {
    mlp.inputs = {linear("gate_up_proj", 2 * ffn, hidden)};
  } else {
    mlp.inputs = {linear("gate_proj", ffn, hidden), linear("up_proj", ffn, hidden)};
  }
  return mlp;
}

BlockSpec makeBlock(const ModelConfig& config, std::size_t index, const std::string& name) {
  const bool fused = config.modelType == "phi3";
  const std::string attention = name + ".self_attn.";
  BlockSpec block{.name = name, .attentionNorm = norm(config, name + ".input_layernorm", config.hiddenSize)};
  block.attention = fused ? makeAttention(config, index, attention, {"qkv_proj"}, "o_proj")
                          : makeAttention(config, index, attention, {"q_proj", "k_proj", "v_proj"}, "o_proj");
  if (config.modelType == "qwen3") {
    block.attention.queryNorm = norm(config, attention + "q_norm", config.headDim);
    block.attention.keyNorm = norm(config, attention + "k_norm", config.headDim);
  }
  if (config.modelType == "gemma2") {
    block.postAttentionNorm = norm(config, name + ".post_attention_layernorm", config.hiddenSize);
    block.mlpNorm = norm(config, name + ".pre_feedforward_layernorm", config.hiddenSize);
    block.postMlpNorm = norm(config, name + ".post_feedforward_layernorm", config.hiddenSize);
  } else {
    block.mlpNorm = norm(config, name + ".post_attention_layernorm", config.hiddenSize);
  }
  block.mlp = makeMlp(config, name + ".mlp.", fused);
  return block;
}

}  // namespace

ArchitectureSpec makeLlamaFamily(const ModelConfig& config, const Checkpoint& model) {
  const std::string prefix = prefixOf(model, {"model.", ""}, "embed_tokens.weight");
  ArchitectureSpec spec = baseSpec(config, model);
  spec.embedding = prefix + "embed_tokens.weight";
  if (isGemma(config)) spec.embeddingScale = embeddingScale(config);
  for (std::size_t i = 0; i < config.blocks; ++i)
    spec.blocks.push_back(makeBlock(config, i, prefix + "layers." + std::to_string(i)));
  spec.finalNorm = norm(config, prefix + "norm", config.hiddenSize);
  setHead(config, "lm_head", false, spec);
  return spec;
}

}  // namespace qs
