#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "core/io/checkpoint.h"
#include "core/io/importers/layer_parts.h"

namespace qs {

/// A weight matrix that is stored as codes and scales: unpacked when first read, dequantized row by row, let go on
/// release().
class PackedLayerSource final : public TensorSource {
 public:
  using Unpack = std::function<QuantizedTensor(const PackedTensors&)>;

  /// `inputs` as the configuration says; where they are static, scale and zero point stand in the parts.
  PackedLayerSource(LayerParts parts, Shape shape, Unpack unpack, std::optional<ActivationScheme> inputs)
      : m_parts(std::move(parts)), m_shape(std::move(shape)), m_unpack(std::move(unpack)), m_inputs(inputs) {}

  /// Throws Error (Input) naming the layer where its components don't fit together.
  void read(std::uint64_t first, std::span<float> out) const override;
  [[nodiscard]] std::optional<TensorView> stored() const override { return std::nullopt; }
  [[nodiscard]] std::shared_ptr<const QuantizedTensor> quantized() const override;
  [[nodiscard]] std::shared_ptr<const QuantizedTensor> quantizedOnce() const override;
  [[nodiscard]] std::optional<ActivationScheme> inputs() const override;
  void prefetch() const override;
  void release() const override;
  void forget() const override;
  /// The stored tensors that it is decoded from.
  [[nodiscard]] const LayerParts& parts() const { return m_parts; }

 private:
  [[nodiscard]] std::shared_ptr<const QuantizedTensor> unpack(const PackedTensors& parts) const;
  void dropTensor() const;

  LayerParts m_parts;
  Shape m_shape;
  Unpack m_unpack;
  std::optional<ActivationScheme> m_inputs;
  mutable std::mutex m_mutex;
  mutable std::shared_ptr<const QuantizedTensor> m_tensor;
};

/// The logical tensor `<layer>.weight` of packed parts. `scheme` is for people.
[[nodiscard]] CheckpointTensor packedLayerTensor(LayerParts parts, Shape shape, DType dtype, std::string scheme,
                                                 PackedLayerSource::Unpack unpack,
                                                 std::optional<ActivationScheme> inputs = std::nullopt);

}  // namespace qs
