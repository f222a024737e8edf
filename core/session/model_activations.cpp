#include "core/session/model_activations.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/kernels/dequantize.h"
#include "core/model/architecture_registry.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/quant/activation_quantizer.h"
#include "core/session/atomic_file.h"
#include "core/session/run_groups.h"

namespace qs {

namespace {

TokenWindows calibrationWindows(const Checkpoint& model, const ArchitectureSpec& spec,
                                const CalibrationSource& calibration) {
  const TokenizerPtr tokenizer = loadTokenizer(model);
  const std::string text = readWholeFile(calibration.textFile);
  const WindowChoice choice{.window = calibration.window, .maxWindows = calibration.windows};
  TokenWindows windows = textWindows(text, *tokenizer, spec, choice, calibration.textFile.string(), {});
  const std::size_t most = std::max<std::size_t>(1, kCalibrationTokens / std::max<std::size_t>(windows.windowSize, 1));
  return calibration.windows == 0 && windows.count() > most ? windows.slice(0, most) : windows;
}

// What is left of a W8A8 layer's inputs, in the original domain.
void quantizeOriginalInputs(const QuantizedTensor& tensor, MatrixSpan rows) {
  const auto scale = [&tensor](std::size_t c) { return tensor.inputScale.empty() ? 1.0F : tensor.inputScale[c]; };
  for (std::size_t t = 0; t < rows.rows; ++t)
    for (std::size_t c = 0; c < rows.cols; ++c) rows(t, c) /= scale(c);
  roundInputs(rows, *tensor.activations);
  for (std::size_t t = 0; t < rows.rows; ++t)
    for (std::size_t c = 0; c < rows.cols; ++c) rows(t, c) *= scale(c);
}

}  // namespace

std::shared_ptr<const Matrix> ModelActivations::PartlyQuantized::linear(const LinearSpec& linear,
                                                                        const RunContext& context) const {
  const auto found = layers.find(linear.name);
  if (found == layers.end()) return CheckpointWeights::linear(linear, context);
  return std::make_shared<const Matrix>(dequantizeMatrix(found->second, context));
}

bool ModelActivations::PartlyQuantized::quantizesInputs(const LinearSpec& linear) const {
  const auto found = layers.find(linear.name);
  return found != layers.end() && found->second.activations.has_value();
}

void ModelActivations::PartlyQuantized::quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const {
  quantizeOriginalInputs(layers.at(linear.name), rows);
}

ModelActivations::ModelActivations(const Checkpoint& model, const QuantRequest& request)
    : m_spec(loadArchitecture(model)),
      m_groups(layerGroups(m_spec)),
      m_weights(m_spec, model),
      m_runner(m_spec, m_weights),
      m_windows(calibrationWindows(model, m_spec, request.calibration)),
      m_request(request),
      m_sequential(request.calibration.sequential) {
  for (std::size_t g = 0; g < m_groups.size(); ++g)
    for (const LinearSpec& linear : m_groups[g].linears) m_groupOf[linear.name] = g;
  for (const RunGroup& group : planGroups(model, request))
    for (const PlannedLayer& layer : group.layers)
      if (const auto found = m_groupOf.find(layer.name); found != m_groupOf.end()) m_wanted.insert(found->second);
}

std::size_t ModelActivations::blockOf(std::size_t group) const {
  return m_groups[group].block == LayerGroup::kNoBlock ? m_spec.blocks.size() : m_groups[group].block;
}

std::shared_ptr<const ActivationStats> ModelActivations::statsFor(std::span<const std::string> layers,
                                                                  std::size_t inputs, const RunContext& context) {
  const auto found = m_groupOf.find(layers.front());
  if (found == m_groupOf.end()) return nullptr;
  const std::size_t group = found->second;
  if (m_groups[group].in != inputs)
    throw failedError("layer '" + layers.front() + "'", "the architecture gives it another input width");
  m_wanted.insert(group);
  if (!m_stats.contains(group)) observeBlockOf(group, context);
  return m_stats.at(group);
}

void ModelActivations::layerQuantized(const std::string& layer, const QuantizedTensor& tensor) {
  m_weights.layers[layer] = tensor;
}

void ModelActivations::passBlock(std::size_t block, const RunContext& context) {
  m_stats.clear();
  std::map<std::size_t, ActivationAccumulator> accumulators;
  for (const std::size_t group : m_wanted)
    if (blockOf(group) == block)
      accumulators.try_emplace(group, m_groups[group].linears.front().name, m_groups[group].in,
                               activationOptionsOf(m_request, m_windows.inputs.size(), m_groups[group].in));
  const LinearInputObserver observer = [&](std::size_t group, MatrixView rows) {
    if (const auto wanted = accumulators.find(group); wanted != accumulators.end()) wanted->second.add(rows, context);
  };
  if (block == m_spec.blocks.size())
    static_cast<void>(m_runner.headInputs(m_states.view(), m_windows.length, context, observer));
  else if (m_sequential)
    m_runner.observeBlock(block, m_states.view(), m_windows.length, context, observer);
  else
    m_runner.runBlock(block, m_states.span(), m_windows.length, context, observer);
  for (auto& [group, accumulator] : accumulators)
    m_stats[group] = std::make_shared<const ActivationStats>(accumulator.take(context));
}

void ModelActivations::observeBlockOf(std::size_t group, const RunContext& context) {
  RunContext quiet = context;
  quiet.progress = nullptr;  // the run counts layers, not blocks
  const std::size_t wanted = blockOf(group);
  if (m_states.empty() || wanted <= m_block) {
    m_states = m_runner.embed(m_windows.inputs, m_windows.length, 0, quiet);
    m_block = 0;
    m_observed = false;
  }
  while (!m_observed || m_block < wanted) {
    if (m_observed) leaveBlock(quiet);
    passBlock(m_block, quiet);
    m_observed = true;
  }
}

// In sequential calibration the block's layers are quantized by now, and its outputs are theirs.
void ModelActivations::leaveBlock(const RunContext& context) {
  if (m_sequential) {
    m_runner.runBlock(m_block, m_states.span(), m_windows.length, context);
    for (std::size_t g = 0; g < m_groups.size(); ++g)
      if (blockOf(g) == m_block)
        for (const LinearSpec& linear : m_groups[g].linears) m_weights.layers.erase(linear.name);
  }
  ++m_block;
}

}  // namespace qs
