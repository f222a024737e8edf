#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"
#include "core/tensor/unset_vector.h"

namespace qs {

/// One stored tensor of a packed layer: its suffix behind the layer's name ("qweight"), and its bytes.
struct PackedTensor {
  std::string suffix;
  DType dtype = DType::I32;
  Shape shape;
  UnsetVector<std::byte> bytes;

  bool operator==(const PackedTensor&) const = default;
};
using PackedTensors = std::vector<PackedTensor>;

/// The component with this suffix, or null.
[[nodiscard]] const PackedTensor* findPart(const PackedTensors& parts, std::string_view suffix);

/// A component whose bytes are these values.
template <typename T>
[[nodiscard]] PackedTensor packedTensor(std::string suffix, DType dtype, Shape shape, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {std::move(suffix), dtype, std::move(shape), {bytes.begin(), bytes.end()}};
}

/// A component to be filled through valuesIn(), every value. Throws nothing: the shape is one of a tensor in memory.
[[nodiscard]] PackedTensor unsetPart(std::string suffix, DType dtype, Shape shape);

/// The component's bytes as values of T, where they stand: vectors align for every T.
template <typename T>
[[nodiscard]] std::span<T> valuesIn(PackedTensor& part) {
  return {reinterpret_cast<T*>(part.bytes.data()), part.bytes.size() / sizeof(T)};
}
template <typename T>
[[nodiscard]] std::span<const T> valuesIn(const PackedTensor& part) {
  return {reinterpret_cast<const T*>(part.bytes.data()), part.bytes.size() / sizeof(T)};
}

/// The component's bytes as values of T, copied.
template <typename T>
[[nodiscard]] std::vector<T> valuesOf(const PackedTensor& part) {
  const std::span<const T> values = valuesIn<T>(part);
  return {values.begin(), values.end()};
}

/// F16, BF16 or F32 component as F32. Throws Error (Input) naming `subject` for another dtype.
[[nodiscard]] std::vector<float> floatsOf(const PackedTensor& part, const std::string& subject);

/// Values as F16, BF16 or F32 component. The values must be representable: no rounding happens to exported scales.
[[nodiscard]] PackedTensor packedFloats(std::string suffix, DType dtype, Shape shape, std::span<const float> values);

/// The component, checked: present, of this dtype and shape. Throws Error (Input) naming subject, component, expected
/// and got.
[[nodiscard]] const PackedTensor& requirePart(const PackedTensors& parts, std::string_view suffix, DType dtype,
                                              const Shape& shape, const std::string& subject);

}  // namespace qs
