#include "core/session/quantized_weights.h"

#include "core/kernels/dequantize.h"
#include "core/quant/activation_quantizer.h"

namespace qs {

std::shared_ptr<const Matrix> QuantizedWeights::linear(const LinearSpec& linear, const RunContext& context) const {
  const std::optional<QuantizedTensor> tensor = m_store.loadTensor(linear.name);
  if (!tensor) return CheckpointWeights::linear(linear, context);
  remember(linear.name, *tensor);
  auto weights = std::make_shared<Matrix>(tensor->rows, tensor->cols);
  dequantizeMatrix(*tensor, weights->span(), context);
  return weights;
}

bool QuantizedWeights::quantizesInputs(const LinearSpec& linear) const {
  return quantizerOf(linear).scheme.has_value();
}

void QuantizedWeights::quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const {
  const InputQuantizer& quantizer = quantizerOf(linear);
  if (!quantizer.scheme) return;
  ActivationScheme scheme = *quantizer.scheme;
  if (!scheme.isStatic) scheme.perToken = true;
  if (!quantizer.scale.empty())
    for (std::size_t r = 0; r < rows.rows; ++r)
      for (std::size_t c = 0; c < rows.cols; ++c) rows(r, c) /= quantizer.scale[c];
  const QuantizedInputs quantized = qs::quantizeInputs(rows, scheme);
  for (std::size_t r = 0; r < rows.rows; ++r)
    for (std::size_t c = 0; c < rows.cols; ++c) {
      rows(r, c) = quantized.codes(r, c) * quantized.scales[r];
      if (!quantizer.scale.empty()) rows(r, c) *= quantizer.scale[c];
    }
}

const QuantizedWeights::InputQuantizer& QuantizedWeights::quantizerOf(const LinearSpec& linear) const {
  {
    const std::lock_guard lock(m_mutex);
    const auto found = m_quantizers.find(linear.name);
    if (found != m_quantizers.end()) return found->second;
  }
  const std::optional<QuantizedTensor> tensor = m_store.loadTensor(linear.name);
  return remember(linear.name, tensor ? *tensor : QuantizedTensor{});
}

const QuantizedWeights::InputQuantizer& QuantizedWeights::remember(const std::string& layer,
                                                                   const QuantizedTensor& tensor) const {
  const std::lock_guard lock(m_mutex);
  return m_quantizers.try_emplace(layer, InputQuantizer{tensor.activations, tensor.inputScale}).first->second;
}

}  // namespace qs
