#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace qs {

/// What is known of a tensor without reading its contents.
struct TensorInfo {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;   ///< as stored, scales and zero points of a quantized tensor included
  std::string storedScheme;  ///< for tensors that are stored quantized, e.g. "GPTQ 4-bit g128"; empty otherwise

  bool operator==(const TensorInfo&) const = default;
};

/// A tensor's bytes in the mapped file. The bytes may be misaligned for their type: copy, never cast the pointer.
struct TensorView {
  DType dtype = DType::F32;
  Shape shape;
  std::span<const std::byte> bytes;
};

}  // namespace qs
