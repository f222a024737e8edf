#include "core/session/model_activations.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/model/architecture_registry.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/session/run_groups.h"
#include "core/session/runnable_model.h"

namespace qs {

namespace {

TokenWindows calibrationWindows(const Checkpoint& model, const ArchitectureSpec& spec,
                                const CalibrationSource& calibration) {
  const TokenizerPtr tokenizer = loadTokenizer(model);
  const NamedText text = readText(calibration.textFile);
  const WindowChoice choice{.window = calibration.window, .maxWindows = calibration.windows};
  TokenWindows windows = textWindows(text.text, *tokenizer, spec, choice, text.name, {});
  const std::size_t most = std::max<std::size_t>(1, kCalibrationTokens / std::max<std::size_t>(windows.windowSize, 1));
  return calibration.windows == 0 && windows.count() > most ? windows.slice(0, most) : windows;
}

}  // namespace

std::size_t CalibratedModel::blockOf(std::size_t group) const {
  return groups[group].block == LayerGroup::kNoBlock ? spec.blocks.size() : groups[group].block;
}

std::optional<std::size_t> CalibratedModel::groupFor(const std::string& layer, std::size_t inputs) const {
  const auto found = groupOf.find(layer);
  if (found == groupOf.end()) return std::nullopt;
  if (groups[found->second].in != inputs)
    throw failedError("layer '" + layer + "'", "the architecture gives it another input width");
  return found->second;
}

CalibratedModel loadCalibratedModel(const Checkpoint& model, const CalibrationSource& calibration) {
  CalibratedModel loaded{.spec = loadArchitecture(model)};
  loaded.groups = layerGroups(loaded.spec);
  loaded.windows = calibrationWindows(model, loaded.spec, calibration);
  for (std::size_t g = 0; g < loaded.groups.size(); ++g)
    for (const LinearSpec& linear : loaded.groups[g].linears) loaded.groupOf[linear.name] = g;
  return loaded;
}

ModelActivations::ModelActivations(const Checkpoint& model, const QuantRequest& request)
    : m_model(loadCalibratedModel(model, request.calibration)),
      m_weights(m_model.spec, model),
      m_runner(m_model.spec, m_weights),
      m_request(request) {
  for (const RunGroup& group : planGroups(model, request))
    for (const PlannedLayer& layer : group.layers)
      if (const auto found = m_model.groupOf.find(layer.name); found != m_model.groupOf.end())
        m_wanted.insert(found->second);
}

std::shared_ptr<const ActivationStats> ModelActivations::statsFor(std::span<const std::string> layers,
                                                                  std::size_t inputs, const RunContext& context) {
  const std::optional<std::size_t> group = m_model.groupFor(layers.front(), inputs);
  if (!group) return nullptr;
  m_wanted.insert(*group);
  if (!m_stats.contains(*group)) passUpTo(m_model.blockOf(*group), context);
  return m_stats.at(*group);
}

void ModelActivations::passUpTo(std::size_t block, const RunContext& context) {
  RunContext quiet = context;
  quiet.progress = nullptr;  // the run counts layers, not blocks
  if (m_states.empty() || block < m_block) {
    m_states = m_runner.embed(m_model.windows.inputs, m_model.windows.length, 0, quiet);
    m_block = 0;
  }
  while (m_block <= block) passBlock(quiet);
}

void ModelActivations::passBlock(const RunContext& context) {
  m_stats.clear();
  const TokenWindows& windows = m_model.windows;
  std::map<std::size_t, ActivationAccumulator> accumulators;
  for (const std::size_t group : m_wanted) {
    const LayerGroup& layers = m_model.groups[group];
    if (m_model.blockOf(group) == m_block)
      accumulators.try_emplace(group, layers.linears.front().name, layers.in,
                               activationOptionsOf(m_request, windows.inputs.size(), layers.in));
  }
  const LinearInputObserver observer = [&](std::size_t group, MatrixView rows) {
    if (const auto wanted = accumulators.find(group); wanted != accumulators.end()) wanted->second.add(rows, context);
  };
  if (m_block == m_model.spec.blocks.size())
    static_cast<void>(m_runner.headInputs(m_states.view(), windows.length, context, observer));
  else
    m_runner.runBlock(m_block, m_states.span(), windows.length, context, observer);
  for (auto& [group, accumulator] : accumulators)
    m_stats[group] = std::make_shared<const ActivationStats>(accumulator.take(context));
  ++m_block;
}

}  // namespace qs
