#include "core/model/architectures/common.h"
#include "core/model/architectures/factories.h"

namespace qs {

ArchitectureSpec makeOpt(const ModelConfig& config, const Checkpoint& model) {
  const std::string prefix = prefixOf(model, {"model.decoder.", "decoder.", ""}, "embed_tokens.weight");
  const auto norm = [&](const std::string& name) {
    return NormSpec{.kind = NormKind::Layer, .name = name, .size = config.hiddenSize, .epsilon = config.normEpsilon};
  };
  const auto linear = [&](const std::string& name, std::size_t out, std::size_t in) {
    return LinearSpec{.name = name, .out = out, .in = in, .bias = config.mlpBias};
  };
  ArchitectureSpec spec = baseSpec(config, model);
  spec.embedding = prefix + "embed_tokens.weight";
  spec.positionTable = prefix + "embed_positions.weight";
  spec.positionOffset = 2;
  for (std::size_t i = 0; i < config.blocks; ++i) {
    const std::string name = prefix + "layers." + std::to_string(i);
    BlockSpec block{.name = name,
                    .form = config.normBefore ? BlockForm::PreNorm : BlockForm::PostNorm,
                    .attentionNorm = norm(name + ".self_attn_layer_norm"),
                    .mlpNorm = norm(name + ".final_layer_norm")};
    block.attention = makeAttention(config, i, name + ".self_attn.", {"q_proj", "k_proj", "v_proj"}, "out_proj");
    block.mlp = {.inputs = {linear(name + ".fc1", config.intermediateSize, config.hiddenSize)},
                 .gated = false,
                 .activation = activationOf(config),
                 .down = linear(name + ".fc2", config.hiddenSize, config.intermediateSize)};
    spec.blocks.push_back(std::move(block));
  }
  if (config.finalNorm) spec.finalNorm = norm(prefix + "final_layer_norm");
  if (config.embeddingDim != config.hiddenSize) {
    spec.projectIn = {.name = prefix + "project_in", .out = config.hiddenSize, .in = config.embeddingDim};
    spec.projectOut = {.name = prefix + "project_out", .out = config.embeddingDim, .in = config.hiddenSize};
  }
  setHead(config, "lm_head", false, spec);
  return spec;
}

}  // namespace qs
