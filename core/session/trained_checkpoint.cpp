#include "core/session/trained_checkpoint.h"

#include <algorithm>
#include <cstring>

#include "core/tensor/half.h"

namespace qs {

namespace {

/// Values in memory, in a tensor's own type where that is F16 or BF16, else in F32.
class MemoryTensor final : public TensorSource {
 public:
  MemoryTensor(DType dtype, Shape shape, const std::vector<float>& values)
      : m_dtype(dtype), m_shape(std::move(shape)), m_values(values), m_bytes(values.size() * sizeOf(dtype)) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::uint16_t narrow = dtype == DType::F16 ? floatToHalf(values[i]) : floatToBfloat16(values[i]);
      if (dtype == DType::F32)
        std::memcpy(m_bytes.data() + i * sizeof(float), &values[i], sizeof(float));
      else
        std::memcpy(m_bytes.data() + i * sizeof(narrow), &narrow, sizeof(narrow));
    }
  }

  void read(std::uint64_t first, std::span<float> out) const override {
    std::copy_n(m_values.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
  }
  [[nodiscard]] std::optional<TensorView> stored() const override { return TensorView{m_dtype, m_shape, m_bytes}; }
  void release() const override {}

 private:
  static std::size_t sizeOf(DType dtype) { return dtype == DType::F32 ? sizeof(float) : sizeof(std::uint16_t); }

  DType m_dtype;
  Shape m_shape;
  std::vector<float> m_values;
  std::vector<std::byte> m_bytes;
};

DType keptType(const CheckpointTensor& tensor) {
  const DType dtype = tensor.info.dtype;
  return tensor.source->stored() && (dtype == DType::F16 || dtype == DType::BF16) ? dtype : DType::F32;
}

}  // namespace

void roundToStored(const CheckpointTensor& tensor, std::span<float> values) {
  const DType dtype = keptType(tensor);
  if (dtype == DType::F32) return;
  for (float& value : values)
    value = dtype == DType::F16 ? halfToFloat(floatToHalf(value)) : bfloat16ToFloat(floatToBfloat16(value));
}

std::shared_ptr<const Checkpoint> withTrainedVectors(std::shared_ptr<const Checkpoint> model, const RunStore& store) {
  const auto vectors = store.loadVectors();
  if (!vectors || vectors->empty()) return model;
  Checkpoint::Contents contents = model->contents();
  for (CheckpointTensor& tensor : contents.tensors) {
    const auto trained = vectors->find(tensor.info.name);
    if (trained == vectors->end() || trained->second.size() != tensor.info.elements) continue;
    const DType dtype = keptType(tensor);
    tensor.info.dtype = dtype;
    tensor.info.bytes = tensor.info.elements * (dtype == DType::F32 ? sizeof(float) : sizeof(std::uint16_t));
    tensor.source = std::make_shared<MemoryTensor>(dtype, tensor.info.shape, trained->second);
  }
  return std::make_shared<const Checkpoint>(std::move(contents));
}

}  // namespace qs
