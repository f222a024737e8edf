#include "core/io/layouts/block_scaled_layout.h"

#include <vector>

#include "core/base/error.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

std::vector<float> codebookOf(const MiniFloat& format, std::size_t codes) {
  std::vector<float> values(codes);
  for (std::size_t code = 0; code < codes; ++code)
    values[code] = miniFloatToFloat(format, static_cast<std::uint8_t>(code));
  return values;
}

const PackedTensor& requireMatrix(const PackedTensors& parts, std::string_view suffix, DType dtype,
                                  const std::string& layer) {
  const PackedTensor* const part = findPart(parts, suffix);
  if (part == nullptr) throw inputError(layer, "the tensor ." + std::string(suffix) + " is missing");
  if (part->dtype != dtype) throw mismatchError(layer, suffix, name(dtype), name(part->dtype));
  if (part->shape.size() != 2) throw mismatchError(layer, suffix, "2 dimensions", toText(part->shape));
  return *part;
}

void takeFp4Codes(const PackedTensors& parts, QuantizedTensor& tensor, const std::string& layer) {
  const PackedTensor& packed = requireMatrix(parts, "weight_packed", DType::U8, layer);
  if (packed.bytes.empty()) throw mismatchError(layer, "weight_packed", "at least one byte", toText(packed.shape));
  tensor.rows = packed.shape[0];
  tensor.cols = packed.shape[1] * 2;
  tensor.scheme.bits = 4;
  tensor.scheme.codebookName = "e2m1";
  tensor.codebook = codebookOf(kE2M1, 16);
  tensor.codes.reserve(packed.bytes.size() * 2);
  for (const std::byte pair : packed.bytes) {
    const auto value = std::to_integer<unsigned>(pair);
    tensor.codes.push_back(static_cast<std::uint8_t>(value & 15U));
    tensor.codes.push_back(static_cast<std::uint8_t>(value >> 4U));
  }
}

void takeFp8Codes(const PackedTensors& parts, QuantizedTensor& tensor, const std::string& layer) {
  const PackedTensor& weight = requireMatrix(parts, "weight", DType::F8E4M3, layer);
  if (weight.bytes.empty()) throw mismatchError(layer, "weight", "at least one element", toText(weight.shape));
  tensor.rows = weight.shape[0];
  tensor.cols = weight.shape[1];
  tensor.scheme.bits = 8;
  tensor.scheme.codebookName = "e4m3";
  tensor.codebook = codebookOf(kE4M3, 256);
  const std::span<const std::uint8_t> codes = valuesIn<std::uint8_t>(weight);
  tensor.codes.assign(codes.begin(), codes.end());
}

float globalScale(const PackedTensors& parts, const std::string& layer) {
  const PackedTensor* const part = findPart(parts, "weight_global_scale");
  if (part == nullptr) throw inputError(layer, "the tensor .weight_global_scale is missing");
  if (part->dtype != DType::F32 || part->bytes.size() != sizeof(float))
    throw mismatchError(layer, "weight_global_scale", "one F32", toText(part->shape));
  const float value = valuesOf<float>(*part).front();
  if (!(value > 0)) throw mismatchError(layer, "weight_global_scale", "a positive number", std::to_string(value));
  return value;
}

}  // namespace

QuantizedTensor unpackBlockScaled(const PackedTensors& parts, BlockScaledForm form, const std::string& layer) {
  QuantizedTensor tensor;
  tensor.scheme = {.number = NumberFormat::Codebook, .symmetric = true, .groupSize = 32, .scaleType = ScaleType::E8M0};
  if (form == BlockScaledForm::Mxfp8)
    takeFp8Codes(parts, tensor, layer);
  else
    takeFp4Codes(parts, tensor, layer);
  const bool isNvidia = form == BlockScaledForm::Nvfp4;
  if (isNvidia) {
    tensor.scheme.groupSize = 16;
    tensor.scheme.scaleType = ScaleType::F32;
  }
  const float divisor = isNvidia ? globalScale(parts, layer) : 1.0F;
  const Shape expected{tensor.rows, tensor.scheme.groupsPerRow(tensor.cols)};
  const PackedTensor& scales =
      requirePart(parts, "weight_scale", isNvidia ? DType::F8E4M3 : DType::U8, expected, layer);
  for (const std::uint8_t code : valuesOf<std::uint8_t>(scales))
    tensor.scales.push_back(isNvidia ? miniFloatToFloat(kE4M3, code) / divisor : e8m0ToFloat(code));
  return tensor;
}

QuantizedTensor unpackFp8Blocks(const PackedTensors& parts, std::string_view scaleSuffix, std::uint64_t blockRows,
                                std::uint64_t blockCols, const std::string& layer) {
  QuantizedTensor tensor;
  tensor.scheme = {
      .number = NumberFormat::Codebook, .symmetric = true, .groupSize = static_cast<std::int64_t>(blockCols)};
  takeFp8Codes(parts, tensor, layer);
  const std::size_t groups = tensor.scheme.groupsPerRow(tensor.cols);
  const PackedTensor* const part = findPart(parts, scaleSuffix);
  if (part == nullptr) throw inputError(layer, "the tensor ." + std::string(scaleSuffix) + " is missing");
  const Shape expected{tensor.rows / blockRows + (tensor.rows % blockRows != 0 ? 1 : 0), groups};
  if (part->shape != expected) throw mismatchError(layer, scaleSuffix, toText(expected), toText(part->shape));
  const std::vector<float> blocks = floatsOf(*part, layer);
  tensor.scales.reserve(tensor.rows * groups);
  for (std::size_t row = 0; row < tensor.rows; ++row)
    for (std::size_t g = 0; g < groups; ++g) tensor.scales.push_back(blocks[row / blockRows * groups + g]);
  return tensor;
}

}  // namespace qs
