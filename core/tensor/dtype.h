#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace qs {

/// Element types of stored tensors: those of safetensors, and GGUF's block types.
enum class DType : std::uint8_t {
  Bool,
  U8,
  I8,
  F8E4M3,
  F8E5M2,
  F8E8M0,
  F8E4M3FNUZ,
  F8E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  I64,
  U64,
  F64,
  C64,
  F4,
  F6E2M3,
  F6E3M2,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ4_NL,
  IQ4_XS,
  MXFP4,
  NVFP4,
  Q1_0,
  Q2_0,
};

/// One row of facts a type; every loop over the table covers all types.
struct DTypeTraits {
  DType type;
  std::string_view name;  ///< as safetensors tags it, or ggml's name for block types
  int bits;               ///< of one element of a scalar type; of one block for block types: blockBytes * 8
  int blockElements;      ///< 1 for scalar types
  bool safetensors;       ///< has a safetensors tag
  bool convertible;       ///< core/kernels/convert widens it to F32
};

[[nodiscard]] std::span<const DTypeTraits> allDTypes();
[[nodiscard]] const DTypeTraits& traits(DType type);
[[nodiscard]] std::string_view name(DType type);
/// The type with this safetensors tag (case-sensitive).
[[nodiscard]] std::optional<DType> dtypeFromSafetensorsTag(std::string_view tag);
/// Bytes of `elements` elements, or nothing where that overflows 64 bits or is not a whole number of bytes and blocks.
[[nodiscard]] std::optional<std::uint64_t> byteSize(DType type, std::uint64_t elements);

}  // namespace qs
