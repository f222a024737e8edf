#include "core/session/write_activations.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"
#include "core/io/formats/safetensors_writer.h"
#include "core/model/layer_groups.h"
#include "core/model/runner/checkpoint_weights.h"
#include "core/model/runner/transformer_runner.h"

namespace qs {

namespace {

std::vector<PlannedTensor> plannedInputs(const std::vector<LayerGroup>& groups, std::size_t tokens) {
  std::vector<PlannedTensor> plan;
  for (const LayerGroup& group : groups)
    for (const LinearSpec& linear : group.linears) {
      plan.push_back({linear.name + ".input", DType::F32, {tokens, group.in}});
      plan.push_back({linear.name + ".abs_max", DType::F32, {group.in}});
    }
  return plan;
}

// Writes what passes by, and remembers each group's largest magnitudes.
class InputWriter {
 public:
  InputWriter(std::vector<LayerGroup> groups, SafetensorsWriter& writer)
      : m_groups(std::move(groups)), m_writer(writer) {
    for (const LayerGroup& group : m_groups) m_absMax.emplace_back(group.in, 0.0F);
  }

  void add(std::size_t group, MatrixView rows) {
    if (group >= m_groups.size()) return;
    for (const LinearSpec& linear : m_groups[group].linears)
      m_writer.append(linear.name + ".input", std::as_bytes(rows.values()));
    for (std::size_t r = 0; r < rows.rows; ++r)
      for (std::size_t c = 0; c < rows.cols; ++c)
        m_absMax[group][c] = std::max(m_absMax[group][c], std::abs(rows(r, c)));
  }

  void finish() {
    for (std::size_t g = 0; g < m_groups.size(); ++g)
      for (const LinearSpec& linear : m_groups[g].linears)
        m_writer.append(linear.name + ".abs_max", std::as_bytes(std::span<const float>(m_absMax[g])));
    m_writer.commit();
  }

 private:
  std::vector<LayerGroup> m_groups;
  SafetensorsWriter& m_writer;
  std::vector<std::vector<float>> m_absMax;
};

}  // namespace

void writeActivations(const RunnableModel& model, const TokenWindows& windows, const std::filesystem::path& out,
                      bool replace, const RunContext& context) {
  std::vector<LayerGroup> groups = layerGroups(model.spec);
  std::erase_if(groups, [](const LayerGroup& group) { return group.block == LayerGroup::kNoBlock; });
  SafetensorsWriter writer(out, plannedInputs(groups, windows.inputs.size()),
                           {{"text_tokens", std::to_string(windows.inputs.size())}}, replace);
  InputWriter inputs(std::move(groups), writer);
  const CheckpointWeights weights(model.spec, *model.checkpoint);
  const TransformerRunner runner(model.spec, weights);
  if (context.progress != nullptr)
    context.progress->beginStage("Calibrating", "blocks", static_cast<double>(model.spec.blocks.size()));
  inWorkerArena(context, [&] {
    static_cast<void>(runner.run(windows.inputs, windows.length, context,
                                 [&](std::size_t group, MatrixView rows) { inputs.add(group, rows); }));
    inputs.finish();
  });
}

}  // namespace qs
