#include "core/io/importers/packed_layer_source.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/kernels/dequantize.h"

namespace qs {

std::shared_ptr<const QuantizedTensor> PackedLayerSource::quantized() const {
  const std::lock_guard lock(m_mutex);
  if (m_tensor == nullptr) m_tensor = unpack(m_parts.load());
  return m_tensor;
}

std::shared_ptr<const QuantizedTensor> PackedLayerSource::quantizedOnce() const { return unpack(m_parts.loadOnce()); }

std::shared_ptr<const QuantizedTensor> PackedLayerSource::unpack(const PackedTensors& parts) const {
  auto tensor = std::make_shared<const QuantizedTensor>(m_unpack(parts));
  if (Shape{tensor->rows, tensor->cols} != m_shape)
    throw mismatchError(m_parts.file() + ": " + m_parts.layer, "shape", toText(m_shape),
                        toText({tensor->rows, tensor->cols}));
  return tensor;
}

void PackedLayerSource::read(std::uint64_t first, std::span<float> out) const {
  const std::shared_ptr<const QuantizedTensor> tensor = quantized();
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t row = (first + done) / tensor->cols;
    const std::size_t col = (first + done) % tensor->cols;
    const std::size_t left = out.size() - done;
    if (col == 0 && left >= tensor->cols) {
      const std::size_t rows = left / tensor->cols;
      dequantizeTile(*tensor, row, {out.data() + done, rows, tensor->cols});
      done += rows * tensor->cols;
      continue;
    }
    std::vector<float> whole(tensor->cols);
    dequantizeRows(*tensor, row, {whole.data(), 1, tensor->cols});
    const std::size_t count = std::min(left, tensor->cols - col);
    std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(col), count,
                out.begin() + static_cast<std::ptrdiff_t>(done));
    done += count;
  }
}

std::optional<ActivationScheme> PackedLayerSource::inputs() const {
  if (!m_inputs || !m_inputs->isStatic) return m_inputs;
  const auto one = [&](const char* suffix) {
    const CheckpointTensor* const part = m_parts.find(suffix);
    if (part == nullptr || part->info.elements != 1)
      throw inputError(m_parts.file() + ": " + m_parts.layer, std::string(suffix) + ": expected one number");
    float value = 0;
    part->source->read(0, std::span(&value, 1));
    return std::pair(value, part->info.dtype);
  };
  ActivationScheme scheme = *m_inputs;
  scheme.scale = one("input_scale").first;
  if (!(scheme.scale > 0.0F) || !std::isfinite(scheme.scale))
    throw inputError(m_parts.file() + ": " + m_parts.layer, "input_scale: expected a positive number");
  if (scheme.symmetric) return scheme;
  const auto [zero, dtype] = one("input_zero_point");
  scheme.zeroPoint = std::clamp(static_cast<std::int32_t>(zero) + (dtype == DType::I8 ? 128 : 0), 0, 255);
  return scheme;
}

void PackedLayerSource::prefetch() const { m_parts.prefetch(); }

void PackedLayerSource::release() const {
  dropTensor();
  m_parts.release();
}

void PackedLayerSource::forget() const {
  dropTensor();
  m_parts.forget();
}

void PackedLayerSource::dropTensor() const {
  const std::lock_guard lock(m_mutex);
  m_tensor.reset();
}

CheckpointTensor packedLayerTensor(LayerParts parts, Shape shape, DType dtype, std::string scheme,
                                   PackedLayerSource::Unpack unpack, std::optional<ActivationScheme> inputs) {
  CheckpointTensor tensor;
  tensor.info = {.name = parts.layer + ".weight",
                 .dtype = dtype,
                 .shape = shape,
                 .elements = elementCount(shape).value_or(0),
                 .bytes = parts.bytes(),
                 .storedScheme = std::move(scheme)};
  tensor.file = parts.file();
  tensor.source =
      std::make_shared<const PackedLayerSource>(std::move(parts), std::move(shape), std::move(unpack), inputs);
  return tensor;
}

}  // namespace qs
