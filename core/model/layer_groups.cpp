#include "core/model/layer_groups.h"

#include <utility>

namespace qs {

namespace {

InputProducer normProducer(const NormSpec& norm, bool foldable, std::string reason = {}) {
  return {.kind = InputProducer::Kind::Norm,
          .name = norm.name,
          .normKind = norm.kind,
          .bias = norm.kind == NormKind::Layer,
          .foldable = foldable,
          .reason = std::move(reason)};
}

/// Rows of the attention inputs' product that hold v, in the order in which the output projection reads them.
std::vector<std::size_t> valueRows(const ArchitectureSpec& spec, const AttentionSpec& attention) {
  std::vector<std::size_t> rows;
  if (attention.inputs.size() == 3) return rows;
  for (std::size_t head = 0; head < spec.kvHeads; ++head) {
    const std::size_t first = attention.layout == QkvLayout::PerHead
                                  ? (3 * head + 2) * spec.headDim
                                  : (spec.heads + spec.kvHeads + head) * spec.headDim;
    for (std::size_t i = 0; i < spec.headDim; ++i) rows.push_back(first + i);
  }
  return rows;
}

LayerGroup attentionOutputGroup(const ArchitectureSpec& spec, const BlockSpec& block) {
  const LinearSpec& value = block.attention.inputs.back();
  InputProducer producer{.kind = InputProducer::Kind::Linear, .name = value.name, .bias = value.bias};
  producer.rows = valueRows(spec, block.attention);
  producer.foldable = spec.kvHeads == spec.heads;
  if (!producer.foldable) producer.reason = "grouped queries: one value channel feeds several inputs";
  return {.in = block.attention.output.in, .linears = {block.attention.output}, .producer = std::move(producer)};
}

LayerGroup mlpOutputGroup(const BlockSpec& block) {
  const MlpSpec& mlp = block.mlp;
  const LinearSpec& up = mlp.inputs.back();
  InputProducer producer{.kind = InputProducer::Kind::Linear, .name = up.name, .bias = up.bias};
  if (mlp.gated && mlp.inputs.size() == 1)
    for (std::size_t i = 0; i < mlp.down.in; ++i) producer.rows.push_back(mlp.down.in + i);
  producer.foldable = mlp.gated || mlp.activation == Activation::Relu;  // relu(x/s) = relu(x)/s for s > 0
  if (!producer.foldable) producer.reason = "the activation between the two linears is not homogeneous";
  return {.in = mlp.down.in, .linears = {mlp.down}, .producer = std::move(producer)};
}

std::vector<LayerGroup> blockGroups(const ArchitectureSpec& spec, const BlockSpec& block) {
  const bool normFolds = block.form != BlockForm::PostNorm;
  const std::string reason = normFolds ? "" : "the norm's output is also the residual";
  LayerGroup attention{.in = spec.hiddenSize, .linears = block.attention.inputs};
  LayerGroup mlp{.in = spec.hiddenSize, .linears = block.mlp.inputs};
  if (normFolds) {
    attention.producer = normProducer(block.attentionNorm, true);
    mlp.producer = normProducer(block.mlpNorm.value_or(block.attentionNorm), true);
  } else {
    attention.producer.reason = reason;
    mlp.producer = normProducer(block.attentionNorm, false, reason);
  }
  if (block.mlpNorm) return {attention, attentionOutputGroup(spec, block), mlp, mlpOutputGroup(block)};
  attention.linears.insert(attention.linears.end(), mlp.linears.begin(), mlp.linears.end());
  return {attention, attentionOutputGroup(spec, block), mlpOutputGroup(block)};
}

LayerGroup headGroup(const ArchitectureSpec& spec) {
  LayerGroup group{.in = spec.head.in, .linears = {spec.head}};
  if (!spec.projectOut && spec.finalNorm) {
    group.producer = normProducer(*spec.finalNorm, true);
  } else {
    group.producer.reason = "no norm directly before the head";
  }
  return group;
}

}  // namespace

std::vector<LayerGroup> layerGroups(const ArchitectureSpec& spec) {
  std::vector<LayerGroup> groups;
  for (std::size_t i = 0; i < spec.blocks.size(); ++i) {
    for (LayerGroup& group : blockGroups(spec, spec.blocks[i])) {
      group.block = i;
      groups.push_back(std::move(group));
    }
  }
  if (!spec.tiedHead) groups.push_back(headGroup(spec));
  return groups;
}

}  // namespace qs
