#include "core/model/architecture_spec.h"

namespace qs {

std::vector<LinearSpec> allLinears(const ArchitectureSpec& spec) {
  std::vector<LinearSpec> linears;
  const auto append = [&](const std::vector<LinearSpec>& more) {
    linears.insert(linears.end(), more.begin(), more.end());
  };
  for (const BlockSpec& block : spec.blocks) {
    append(block.attention.inputs);
    linears.push_back(block.attention.output);
    append(block.mlp.inputs);
    linears.push_back(block.mlp.down);
  }
  if (spec.projectIn) linears.push_back(*spec.projectIn);
  if (spec.projectOut) linears.push_back(*spec.projectOut);
  if (!spec.tiedHead) linears.push_back(spec.head);
  return linears;
}

std::string weightName(const ArchitectureSpec& spec, const LinearSpec& linear) {
  if (spec.tiedHead && linear.name == spec.head.name) return spec.embedding;
  return linear.name + ".weight";
}

}  // namespace qs
