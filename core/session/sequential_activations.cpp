#include "core/session/sequential_activations.h"

#include <algorithm>

#include "core/kernels/dequantize.h"
#include "core/quant/activation_quantizer.h"

namespace qs {

namespace {

constexpr std::size_t kRowsAtOnce = 4096;  // of the original's inputs, which wait for the quantized model's

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

std::shared_ptr<const Matrix> SequentialActivations::PartlyQuantized::linear(const LinearSpec& linear,
                                                                             const RunContext& context) const {
  const auto found = layers.find(linear.name);
  if (found == layers.end()) return CheckpointWeights::linear(linear, context);
  return std::make_shared<const Matrix>(dequantizeMatrix(found->second, context));
}

bool SequentialActivations::PartlyQuantized::quantizesInputs(const LinearSpec& linear) const {
  const auto found = layers.find(linear.name);
  return found != layers.end() && found->second.activations.has_value();
}

void SequentialActivations::PartlyQuantized::quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const {
  quantizeOriginalInputs(layers.at(linear.name), rows);
}

SequentialActivations::SequentialActivations(const Checkpoint& model, const QuantRequest& request)
    : m_model(loadCalibratedModel(model, request.calibration)),
      m_originalWeights(m_model.spec, model),
      m_weights(m_model.spec, model),
      m_original(m_model.spec, m_originalWeights),
      m_runner(m_model.spec, m_weights),
      m_request(request) {}

std::size_t SequentialActivations::turnOf(const std::string& layer) const {
  const auto found = m_model.groupOf.find(layer);
  return found == m_model.groupOf.end() ? 0 : found->second + 1;
}

void SequentialActivations::layerQuantized(const std::string& layer, const QuantizedTensor& tensor) {
  m_weights.layers[layer] = tensor;
}

std::shared_ptr<const ActivationStats> SequentialActivations::statsFor(std::span<const std::string> layers,
                                                                       std::size_t inputs, const RunContext& context) {
  const std::optional<std::size_t> group = m_model.groupFor(layers.front(), inputs);
  if (!group) return nullptr;
  RunContext quiet = context;
  quiet.progress = nullptr;  // the run counts layers, not blocks
  const ActivationOptions options = activationOptionsOf(m_request, m_model.windows.inputs.size(), inputs);
  const TokenWindows& windows = m_model.windows;
  if (m_states.empty() || m_model.blockOf(*group) < m_block) {
    m_states = m_runner.embed(windows.inputs, windows.length, 0, quiet);
    m_originalStates = options.drift ? m_states : Matrix();
    m_block = 0;
  }
  passUpTo(m_model.blockOf(*group), quiet);
  ActivationAccumulator accumulator(layers.front(), inputs, options);
  const std::size_t atOnce = std::max<std::size_t>(1, kRowsAtOnce / windows.length) * windows.length;
  for (std::size_t first = 0; first < m_states.rows(); first += atOnce)
    addWindows(*group, first, std::min(atOnce, m_states.rows() - first), accumulator, quiet);
  return std::make_shared<const ActivationStats>(accumulator.take(quiet));
}

// All layers of the blocks before are quantized by now.
void SequentialActivations::passUpTo(std::size_t block, const RunContext& context) {
  for (; m_block < block; ++m_block) {
    m_runner.runBlock(m_block, m_states.span(), m_model.windows.length, context);
    if (!m_originalStates.empty())
      m_original.runBlock(m_block, m_originalStates.span(), m_model.windows.length, context);
    for (const auto& [layer, group] : m_model.groupOf)
      if (m_model.blockOf(group) == m_block) m_weights.layers.erase(layer);
  }
}

void SequentialActivations::observe(const TransformerRunner& runner, MatrixView states, std::size_t group,
                                    const RunContext& context, const RowsObserver& rows) const {
  const LinearInputObserver observer = [&](std::size_t observed, MatrixView inputs) {
    if (observed == group) rows(inputs);
  };
  if (m_block == m_model.spec.blocks.size())
    static_cast<void>(runner.headInputs(states, m_model.windows.length, context, observer));
  else
    runner.observeBlock(m_block, states, m_model.windows.length, context, observer);
}

// Both models give the same rows in the same order.
void SequentialActivations::addWindows(std::size_t group, std::size_t firstRow, std::size_t rows,
                                       ActivationAccumulator& accumulator, const RunContext& context) const {
  Matrix originals;
  std::size_t seen = 0;
  if (!m_originalStates.empty()) {
    originals = Matrix(rows, m_model.groups[group].in);
    observe(m_original, m_originalStates.view().middleRows(firstRow, rows), group, context, [&](MatrixView inputs) {
      std::copy(inputs.values().begin(), inputs.values().end(), originals.row(seen).begin());
      seen += inputs.rows;
    });
  }
  seen = 0;
  observe(m_runner, m_states.view().middleRows(firstRow, rows), group, context, [&](MatrixView inputs) {
    if (originals.empty())
      accumulator.add(inputs, context);
    else
      accumulator.add(inputs, originals.view().middleRows(seen, inputs.rows), context);
    seen += inputs.rows;
  });
}

}  // namespace qs
