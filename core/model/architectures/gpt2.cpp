#include "core/model/architectures/common.h"
#include "core/model/architectures/factories.h"

namespace qs {

namespace {

/// Hugging Face stores GPT-2's linears as Conv1D, [in, out]; other programs' files turn them. A square one that could
/// be either is Conv1D wherever the fused attention input is.
bool isTransposed(const Checkpoint& model, const LinearSpec& fusedInput) {
  const CheckpointTensor* tensor = model.find(fusedInput.name + ".weight");
  return tensor == nullptr || tensor->info.shape != Shape{fusedInput.out, fusedInput.in};
}

}  // namespace

ArchitectureSpec makeGpt2(const ModelConfig& config, const Checkpoint& model) {
  const std::string prefix = prefixOf(model, {"transformer.", ""}, "wte.weight");
  const auto norm = [&](const std::string& name) {
    return NormSpec{.kind = NormKind::Layer, .name = name, .size = config.hiddenSize, .epsilon = config.normEpsilon};
  };
  ArchitectureSpec spec = baseSpec(config, model);
  spec.embedding = prefix + "wte.weight";
  spec.positionTable = prefix + "wpe.weight";
  for (std::size_t i = 0; i < config.blocks; ++i) {
    const std::string name = prefix + "h." + std::to_string(i);
    BlockSpec block{.name = name, .attentionNorm = norm(name + ".ln_1"), .mlpNorm = norm(name + ".ln_2")};
    block.attention = makeAttention(config, i, name + ".attn.", {"c_attn"}, "c_proj");
    block.mlp = {
        .inputs = {{.name = name + ".mlp.c_fc", .out = config.intermediateSize, .in = config.hiddenSize, .bias = true}},
        .gated = false,
        .activation = activationOf(config),
        .down = {.name = name + ".mlp.c_proj", .out = config.hiddenSize, .in = config.intermediateSize, .bias = true}};
    const bool transposed = isTransposed(model, block.attention.inputs.front());
    for (LinearSpec* linear :
         {&block.attention.inputs.front(), &block.attention.output, &block.mlp.inputs.front(), &block.mlp.down})
      linear->transposed = transposed;
    spec.blocks.push_back(std::move(block));
  }
  spec.finalNorm = norm(prefix + "ln_f");
  setHead(config, "lm_head", false, spec);
  return spec;
}

}  // namespace qs
