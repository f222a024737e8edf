#include "core/tensor/dtype.h"

#include <array>
#include <limits>

namespace qs {

namespace {

constexpr int kByte = 8;

constexpr std::array kTraits{
    DTypeTraits{DType::Bool, "BOOL", 8, 1, true, false},
    DTypeTraits{DType::U8, "U8", 8, 1, true, true},
    DTypeTraits{DType::I8, "I8", 8, 1, true, true},
    DTypeTraits{DType::F8E4M3, "F8_E4M3", 8, 1, true, true},
    DTypeTraits{DType::F8E5M2, "F8_E5M2", 8, 1, true, true},
    DTypeTraits{DType::F8E8M0, "F8_E8M0", 8, 1, true, true},
    DTypeTraits{DType::F8E4M3FNUZ, "F8_E4M3FNUZ", 8, 1, true, true},
    DTypeTraits{DType::F8E5M2FNUZ, "F8_E5M2FNUZ", 8, 1, true, true},
    DTypeTraits{DType::I16, "I16", 16, 1, true, true},
    DTypeTraits{DType::U16, "U16", 16, 1, true, true},
    DTypeTraits{DType::F16, "F16", 16, 1, true, true},
    DTypeTraits{DType::BF16, "BF16", 16, 1, true, true},
    DTypeTraits{DType::I32, "I32", 32, 1, true, true},
    DTypeTraits{DType::U32, "U32", 32, 1, true, true},
    DTypeTraits{DType::F32, "F32", 32, 1, true, true},
    DTypeTraits{DType::I64, "I64", 64, 1, true, true},
    DTypeTraits{DType::U64, "U64", 64, 1, true, true},
    DTypeTraits{DType::F64, "F64", 64, 1, true, true},
    DTypeTraits{DType::C64, "C64", 64, 1, true, false},
    DTypeTraits{DType::F4, "F4", 4, 1, true, false},
    DTypeTraits{DType::F6E2M3, "F6_E2M3", 6, 1, true, false},
    DTypeTraits{DType::F6E3M2, "F6_E3M2", 6, 1, true, false},
    DTypeTraits{DType::Q4_0, "Q4_0", 18 * kByte, 32, false, true},
    DTypeTraits{DType::Q4_1, "Q4_1", 20 * kByte, 32, false, true},
    DTypeTraits{DType::Q5_0, "Q5_0", 22 * kByte, 32, false, true},
    DTypeTraits{DType::Q5_1, "Q5_1", 24 * kByte, 32, false, true},
    DTypeTraits{DType::Q8_0, "Q8_0", 34 * kByte, 32, false, true},
    DTypeTraits{DType::Q2_K, "Q2_K", 84 * kByte, 256, false, true},
    DTypeTraits{DType::Q3_K, "Q3_K", 110 * kByte, 256, false, true},
    DTypeTraits{DType::Q4_K, "Q4_K", 144 * kByte, 256, false, true},
    DTypeTraits{DType::Q5_K, "Q5_K", 176 * kByte, 256, false, true},
    DTypeTraits{DType::Q6_K, "Q6_K", 210 * kByte, 256, false, true},
    DTypeTraits{DType::IQ4_NL, "IQ4_NL", 18 * kByte, 32, false, true},
    DTypeTraits{DType::IQ4_XS, "IQ4_XS", 136 * kByte, 256, false, true},
    DTypeTraits{DType::MXFP4, "MXFP4", 17 * kByte, 32, false, true},
    DTypeTraits{DType::NVFP4, "NVFP4", 36 * kByte, 64, false, true},
    DTypeTraits{DType::Q1_0, "Q1_0", 18 * kByte, 128, false, true},
    DTypeTraits{DType::Q2_0, "Q2_0", 18 * kByte, 64, false, true},
};

}  // namespace

std::span<const DTypeTraits> allDTypes() { return kTraits; }

const DTypeTraits& traits(DType type) { return kTraits.at(static_cast<std::size_t>(type)); }

std::string_view name(DType type) { return traits(type).name; }

std::optional<DType> dtypeFromSafetensorsTag(std::string_view tag) {
  for (const DTypeTraits& row : kTraits)
    if (row.safetensors && row.name == tag) return row.type;
  return std::nullopt;
}

std::optional<std::uint64_t> byteSize(DType type, std::uint64_t elements) {
  const DTypeTraits& row = traits(type);
  const auto blockElements = static_cast<std::uint64_t>(row.blockElements);
  if (elements % blockElements != 0) return std::nullopt;
  const std::uint64_t blocks = elements / blockElements;
  const auto bits = static_cast<std::uint64_t>(row.bits);
  if (blocks > std::numeric_limits<std::uint64_t>::max() / bits) return std::nullopt;
  if (blocks * bits % kByte != 0) return std::nullopt;
  return blocks * bits / kByte;
}

}  // namespace qs
