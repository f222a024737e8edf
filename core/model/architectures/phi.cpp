#include "core/model/architectures/common.h"
#include "core/model/architectures/factories.h"

namespace qs {

ArchitectureSpec makePhi(const ModelConfig& config, const Checkpoint& model) {
  const std::string prefix = prefixOf(model, {"model.", ""}, "embed_tokens.weight");
  const auto norm = [&](const std::string& name) {
    return NormSpec{.kind = NormKind::Layer, .name = name, .size = config.hiddenSize, .epsilon = config.normEpsilon};
  };
  ArchitectureSpec spec = baseSpec(config, model);
  spec.embedding = prefix + "embed_tokens.weight";
  for (std::size_t i = 0; i < config.blocks; ++i) {
    const std::string name = prefix + "layers." + std::to_string(i);
    BlockSpec block{.name = name, .form = BlockForm::Parallel, .attentionNorm = norm(name + ".input_layernorm")};
    block.attention = makeAttention(config, i, name + ".self_attn.", {"q_proj", "k_proj", "v_proj"}, "dense");
    block.mlp = {.inputs = {{.name = name + ".mlp.fc1",
                             .out = config.intermediateSize,
                             .in = config.hiddenSize,
                             .bias = config.mlpBias}},
                 .gated = false,
                 .activation = activationOf(config),
                 .down = {.name = name + ".mlp.fc2",
                          .out = config.hiddenSize,
                          .in = config.intermediateSize,
                          .bias = config.mlpBias}};
    spec.blocks.push_back(std::move(block));
  }
  spec.finalNorm = norm(prefix + "final_layernorm");
  setHead(config, "lm_head", true, spec);
  return spec;
}

}  // namespace qs
