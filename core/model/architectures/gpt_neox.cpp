#include "core/model/architectures/common.h"
#include "core/model/architectures/factories.h"

namespace qs {

ArchitectureSpec makeGptNeox(const ModelConfig& config, const Checkpoint& model) {
  const std::string prefix = prefixOf(model, {"gpt_neox.", ""}, "embed_in.weight");
  const auto norm = [&](const std::string& name) {
    return NormSpec{.kind = NormKind::Layer, .name = name, .size = config.hiddenSize, .epsilon = config.normEpsilon};
  };
  const auto linear = [&](const std::string& name, std::size_t out, std::size_t in) {
    return LinearSpec{.name = name, .out = out, .in = in, .bias = config.mlpBias};
  };
  ArchitectureSpec spec = baseSpec(config, model);
  spec.embedding = prefix + "embed_in.weight";
  for (std::size_t i = 0; i < config.blocks; ++i) {
    const std::string name = prefix + "layers." + std::to_string(i);
    BlockSpec block{.name = name,
                    .form = config.parallelResidual ? BlockForm::Parallel : BlockForm::PreNorm,
                    .attentionNorm = norm(name + ".input_layernorm"),
                    .mlpNorm = norm(name + ".post_attention_layernorm")};
    block.attention = makeAttention(config, i, name + ".attention.", {"query_key_value"}, "dense");
    block.attention.layout = QkvLayout::PerHead;
    block.mlp = {.inputs = {linear(name + ".mlp.dense_h_to_4h", config.intermediateSize, config.hiddenSize)},
                 .gated = false,
                 .activation = activationOf(config),
                 .down = linear(name + ".mlp.dense_4h_to_h", config.hiddenSize, config.intermediateSize)};
    spec.blocks.push_back(std::move(block));
  }
  spec.finalNorm = norm(prefix + "final_layer_norm");
  setHead(config, "embed_out", false, spec);
  return spec;
}

}  // namespace qs
