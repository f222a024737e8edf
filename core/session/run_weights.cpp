#include "core/session/run_weights.h"

#include "core/base/error.h"
#include "core/kernels/dequantize.h"
#include "core/quant/activation_quantizer.h"

namespace qs {

RunWeights::RunWeights(const ArchitectureSpec& spec, const Checkpoint& model, const QuantReport& report,
                       const RunStore& store)
    : StoredWeights(spec, model), m_store(store), m_trained(store.loadVectors().value_or(TrainedVectors{})) {
  for (const LayerReportPtr& layer : report.layers) {
    if (!layer->error.empty()) continue;
    const QuantizedTensor tensor = load(layer->name);
    m_layers[layer->name] = {tensor.inputScale, tensor.activations};
  }
  m_folds = foldInputScales(spec, [this](const std::string& layer) {
    const auto found = m_layers.find(layer);
    return found == m_layers.end() ? std::vector<float>() : found->second.inputScale;
  });
  if (!spec.tiedHead && m_layers.contains(spec.head.name))
    m_head = std::make_shared<const QuantizedTensor>(load(spec.head.name));
}

QuantizedTensor RunWeights::load(const std::string& layer) const {
  std::optional<QuantizedTensor> tensor = m_store.loadTensor(layer);
  if (!tensor) throw failedError("layer '" + layer + "'", "is missing from the stored run, or damaged");
  return std::move(*tensor);
}

std::shared_ptr<const Matrix> RunWeights::linear(const LinearSpec& linear, const RunContext& context) const {
  const auto fold = m_folds.find(linear.name + ".weight");
  if (!m_layers.contains(linear.name)) {
    if (fold == m_folds.end()) return StoredWeights::linear(linear, context);
    auto weights = std::make_shared<Matrix>(*StoredWeights::linear(linear, context));
    applyFoldToRows(fold->second, 0, weights->span());
    return weights;
  }
  QuantizedTensor tensor = load(linear.name);
  tensor.inputScale.clear();  // it is folded: the inputs come divided by it
  if (fold != m_folds.end()) applyFoldToScales(fold->second, linear.name, tensor);
  return std::make_shared<const Matrix>(dequantizeMatrix(tensor, context));
}

void RunWeights::headRows(std::size_t first, MatrixSpan out) const {
  if (m_head)
    dequantizeScaledRows(*m_head, first, out);
  else
    StoredWeights::headRows(first, out);
}

std::vector<float> RunWeights::vector(const std::string& tensor) const {
  const auto trained = m_trained.find(tensor);
  std::vector<float> values = trained != m_trained.end() ? trained->second : StoredWeights::vector(tensor);
  if (const auto fold = m_folds.find(tensor); fold != m_folds.end()) applyFold(fold->second, values);
  return values;
}

bool RunWeights::quantizesInputs(const LinearSpec& linear) const {
  const auto found = m_layers.find(linear.name);
  return found != m_layers.end() ? found->second.activations.has_value() : StoredWeights::quantizesInputs(linear);
}

void RunWeights::quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const {
  const auto found = m_layers.find(linear.name);
  if (found == m_layers.end()) return StoredWeights::quantizeInputs(linear, rows);
  roundInputs(rows, *found->second.activations);
}

}  // namespace qs
