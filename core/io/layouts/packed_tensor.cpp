#include "core/io/layouts/packed_tensor.h"

#include <algorithm>
#include <cstdint>

#include "core/base/error.h"
#include "core/tensor/half.h"

namespace qs {

const PackedTensor* findPart(const PackedTensors& parts, std::string_view suffix) {
  const auto found =
      std::find_if(parts.begin(), parts.end(), [&](const PackedTensor& p) { return p.suffix == suffix; });
  return found == parts.end() ? nullptr : &*found;
}

PackedTensor unsetPart(std::string suffix, DType dtype, Shape shape) {
  const std::uint64_t bytes = byteSize(dtype, elementCount(shape).value_or(0)).value_or(0);
  return {std::move(suffix), dtype, std::move(shape), UnsetVector<std::byte>(bytes)};
}

std::vector<float> floatsOf(const PackedTensor& part, const std::string& subject) {
  if (part.dtype == DType::F32) return valuesOf<float>(part);
  if (part.dtype != DType::F16 && part.dtype != DType::BF16)
    throw mismatchError(subject, part.suffix, "F16, BF16 or F32", name(part.dtype));
  const std::span<const std::uint16_t> bits = valuesIn<std::uint16_t>(part);
  std::vector<float> values(bits.size());
  std::transform(bits.begin(), bits.end(), values.begin(), part.dtype == DType::F16 ? halfToFloat : bfloat16ToFloat);
  return values;
}

PackedTensor packedFloats(std::string suffix, DType dtype, Shape shape, std::span<const float> values) {
  if (dtype == DType::F32) return packedTensor(std::move(suffix), dtype, std::move(shape), values);
  std::vector<std::uint16_t> bits(values.size());
  std::transform(values.begin(), values.end(), bits.begin(), dtype == DType::F16 ? floatToHalf : floatToBfloat16);
  return packedTensor(std::move(suffix), dtype, std::move(shape), std::span<const std::uint16_t>(bits));
}

const PackedTensor& requirePart(const PackedTensors& parts, std::string_view suffix, DType dtype, const Shape& shape,
                                const std::string& subject) {
  const PackedTensor* part = findPart(parts, suffix);
  if (part == nullptr) throw inputError(subject, "the tensor ." + std::string(suffix) + " is missing");
  if (part->dtype != dtype) throw mismatchError(subject, suffix, name(dtype), name(part->dtype));
  if (part->shape != shape) throw mismatchError(subject, suffix, toText(shape), toText(part->shape));
  return *part;
}

}  // namespace qs
