#include "core/exporters/gguf/gguf_type_choice.h"

#include <array>

#include "core/base/error.h"

namespace qs {

namespace {

constexpr std::array kChoices{
    GgufTypeChoice{"q8_0", DType::Q8_0, 7},          GgufTypeChoice{"q4_0", DType::Q4_0, 2},
    GgufTypeChoice{"q4_1", DType::Q4_1, 3},          GgufTypeChoice{"q5_0", DType::Q5_0, 8},
    GgufTypeChoice{"q5_1", DType::Q5_1, 9},          GgufTypeChoice{"q2_k", DType::Q2_K, 10},
    GgufTypeChoice{"q3_k", DType::Q3_K, 11},         GgufTypeChoice{"q4_k", DType::Q4_K, 14},
    GgufTypeChoice{"q5_k", DType::Q5_K, 16},         GgufTypeChoice{"q6_k", DType::Q6_K, 18},
    GgufTypeChoice{"q4_k_m", DType::Q4_K, 15, true}, GgufTypeChoice{"iq4_nl", DType::IQ4_NL, 25},
    GgufTypeChoice{"mxfp4", DType::MXFP4, 38},       GgufTypeChoice{"f16", DType::F16, 1},
    GgufTypeChoice{"bf16", DType::BF16, 32}};

constexpr std::int64_t kBlock = 32;

bool hasWholeBlocks(const QuantScheme& scheme) { return scheme.groupSize <= 0 || scheme.groupSize % kBlock == 0; }

// Where rows are no multiple of 256; as llama.cpp's quantizer falls back.
DType smallBlockType(DType type) {
  switch (type) {
    case DType::Q2_K:
    case DType::Q3_K:
      return DType::IQ4_NL;
    case DType::Q4_K:
      return DType::Q5_0;
    case DType::Q5_K:
      return DType::Q5_1;
    case DType::Q6_K:
      return DType::Q8_0;
    default:
      return type;
  }
}

bool divides(DType type, std::uint64_t cols) {
  return cols % static_cast<std::uint64_t>(traits(type).blockElements) == 0;
}

// The first and last eighth of the blocks, and every third between: where the mixes spend more bits.
bool getsMoreBits(int block, int blocks) {
  const int eighth = blocks / 8;
  return block < eighth || block >= 7 * blocks / 8 || (block - eighth) % 3 == 2;
}

bool isValueOrDown(std::string_view layer) {
  return layer.ends_with("v_proj") || layer.ends_with("qkv_proj") || layer.ends_with("c_attn") ||
         layer.ends_with("down_proj") || layer.ends_with("mlp.c_proj");
}

DType mixedType(std::string_view layer, int block, int blocks) {
  if (block < 0) return DType::Q6_K;  // the head
  return isValueOrDown(layer) && getsMoreBits(block, blocks) ? DType::Q6_K : DType::Q4_K;
}

}  // namespace

std::span<const GgufTypeChoice> ggufTypeChoices() { return kChoices; }

const GgufTypeChoice& requireGgufType(std::string_view id) {
  std::string known;
  for (const GgufTypeChoice& choice : kChoices) {
    if (choice.id == id) return choice;
    known += (known.empty() ? "" : ", ") + std::string(choice.id);
  }
  throw requestError("gguf_type", "'" + std::string(id) + "' is not known; there are " + known);
}

bool holdsExactly(DType type, const QuantScheme& scheme) {
  if (!hasWholeBlocks(scheme)) return false;
  if (type == DType::MXFP4) return scheme.codebookName == "e2m1" && scheme.scaleType == ScaleType::E8M0;
  const int bits = type == DType::Q4_0 ? 4 : type == DType::Q5_0 ? 5 : type == DType::Q8_0 ? 8 : 0;
  return scheme.number == NumberFormat::Integer && scheme.symmetric && !scheme.realZeroPoint &&
         scheme.scaleType == ScaleType::F16 && scheme.bits <= bits;
}

const GgufTypeChoice* exactGgufType(const QuantScheme& scheme) {
  for (const GgufTypeChoice& choice : kChoices) {
    const int bits = choice.type == DType::Q5_0 ? 5 : choice.type == DType::Q8_0 ? 8 : 4;
    if (holdsExactly(choice.type, scheme) && scheme.bits == bits) return &choice;
  }
  return nullptr;
}

std::string nearestGgufTypes(const QuantScheme& scheme) {
  const bool isInteger = scheme.number == NumberFormat::Integer;
  const std::string settings = "symmetric, 4, 5 or 8 bits, groups of 32 (q4_0, q5_0, q8_0)";
  std::string types;
  if (!isInteger)
    types = scheme.bits == 8 ? "q8_0" : "iq4_nl, mxfp4";
  else if (scheme.bits <= 2)
    types = "q2_k";
  else if (scheme.bits == 3)
    types = "q3_k";
  else if (scheme.bits == 4)
    types = scheme.symmetric ? "q4_0, q4_k" : "q4_1, q4_k";
  else if (scheme.bits == 5)
    types = scheme.symmetric ? "q5_0, q5_k" : "q5_1, q5_k";
  else
    types = scheme.bits == 6 ? "q6_k" : "q8_0";
  return "choose " + settings + ", or choose a GGUF type, which rounds anew: " + types;
}

DType ggufTypeOf(const GgufTypeChoice& choice, std::string_view layer, int block, int blocks, std::uint64_t cols) {
  const DType wanted = choice.isMix ? mixedType(layer, block, blocks) : choice.type;
  if (divides(wanted, cols)) return wanted;
  const DType smaller = smallBlockType(wanted);
  return divides(smaller, cols) ? smaller : DType::F16;
}

}  // namespace qs
