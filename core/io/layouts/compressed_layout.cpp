#include "core/io/layouts/compressed_layout.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/error.h"
#include "core/io/layouts/bit_stream.h"
#include "core/io/layouts/stored_codes.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

constexpr int kWordBits = 32;

Shape scaleShape(const QuantizedTensor& tensor) {
  if (tensor.scheme.groupSize == kPerTensor) return {1};
  return {tensor.rows, tensor.scheme.groupsPerRow(tensor.cols)};
}

void requireForm(const QuantizedTensor& tensor, CompressedForm form, const std::string& layer) {
  const bool integer = tensor.scheme.number == NumberFormat::Integer && !tensor.scheme.realZeroPoint;
  if (form == CompressedForm::Float && tensor.scheme.codebookName != "e4m3")
    throw failedError(layer, "float-quantized stores FP8 (E4M3) codes only");
  if (form != CompressedForm::Float && !integer)
    throw failedError(layer, "compressed-tensors stores integer codes with integer zero points only");
  if (form == CompressedForm::Int && tensor.scheme.bits != 8)
    throw failedError(layer, "int-quantized stores 8 bits, not " + std::to_string(tensor.scheme.bits));
}

std::vector<std::int8_t> signedZeros(const QuantizedTensor& tensor) {
  const int offset = 1 << (tensor.scheme.bits - 1);
  std::vector<std::int8_t> zeros(tensor.zeroPoints.size());
  std::transform(tensor.zeroPoints.begin(), tensor.zeroPoints.end(), zeros.begin(),
                 [offset](float zero) { return static_cast<std::int8_t>(static_cast<int>(zero) - offset); });
  return zeros;
}

void packWords(const QuantizedTensor& tensor, PackedTensors& parts) {
  const int bits = tensor.scheme.bits;
  const std::size_t words = wordsOfFields(tensor.cols, bits);
  PackedTensor part = unsetPart("weight_packed", DType::I32, {tensor.rows, words});
  const std::span<std::uint32_t> packed = valuesIn<std::uint32_t>(part);
  std::vector<std::uint8_t> row(tensor.cols);
  for (std::size_t o = 0; o < tensor.rows; ++o) {
    unsignedRow(tensor, o, row);
    packFields(row, bits, &packed[o * words]);
  }
  parts.push_back(std::move(part));
  const std::array<std::int64_t, 2> shape{static_cast<std::int64_t>(tensor.rows),
                                          static_cast<std::int64_t>(tensor.cols)};
  parts.push_back(packedTensor("weight_shape", DType::I64, {2}, std::span<const std::int64_t>(shape)));
}

// Zero points [out, groups], packed along the outputs: each column of the result is one group's stream.
void packZeros(const QuantizedTensor& tensor, PackedTensors& parts) {
  const std::size_t groups = tensor.scheme.groupsPerRow(tensor.cols);
  const std::vector<std::uint8_t> zerosByRow = unsignedZeroPoints(tensor);
  const std::vector<std::uint8_t> zeros = transposed(std::span<const std::uint8_t>(zerosByRow), tensor.rows, groups);
  const std::size_t wordRows = wordsOfFields(tensor.rows, tensor.scheme.bits);
  std::vector<std::uint32_t> words(wordRows * groups);
  for (std::size_t g = 0; g < groups; ++g)
    packFields(std::span(zeros).subspan(g * tensor.rows, tensor.rows), tensor.scheme.bits, &words[g], groups);
  parts.push_back(
      packedTensor("weight_zero_point", DType::I32, {wordRows, groups}, std::span<const std::uint32_t>(words)));
}

// One code a byte: two's complement for integers, the FP8 code itself for floats.
UnsetVector<std::uint8_t> byteCodes(const QuantizedTensor& tensor) {
  UnsetVector<std::uint8_t> codes = tensor.codes;
  if (tensor.scheme.number == NumberFormat::Integer && !tensor.scheme.symmetric)
    for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(code ^ 0x80U);
  return codes;
}

void packBytes(const QuantizedTensor& tensor, CompressedForm form, PackedTensors& parts) {
  const UnsetVector<std::uint8_t> codes = byteCodes(tensor);
  const DType dtype = form == CompressedForm::Float ? DType::F8E4M3 : DType::I8;
  parts.push_back(packedTensor("weight", dtype, {tensor.rows, tensor.cols}, std::span<const std::uint8_t>(codes)));
}

// Zero points of inputs are signed, as those of weights.
void packStaticInputs(const ActivationScheme& inputs, DType scaleType, PackedTensors& parts) {
  parts.push_back(packedFloats("input_scale", scaleType, {1}, std::span(&inputs.scale, 1)));
  if (inputs.symmetric) return;
  const auto zero = static_cast<std::int8_t>(inputs.zeroPoint - 128);
  parts.push_back(packedTensor("input_zero_point", DType::I8, {1}, std::span(&zero, 1)));
}

std::size_t legacyWords(std::size_t fields, int bits) {
  const auto perWord = static_cast<std::size_t>(kWordBits / bits);
  return (fields + perWord - 1) / perWord;
}

// The older layout: floor(32/b) fields a word, top bits unused.
void unpackLegacy(const std::uint32_t* words, std::size_t stride, int bits, std::span<std::uint8_t> fields) {
  const auto perWord = static_cast<std::size_t>(kWordBits / bits);
  const std::uint32_t mask = (1U << static_cast<unsigned>(bits)) - 1U;
  for (std::size_t i = 0; i < fields.size(); ++i)
    fields[i] =
        static_cast<std::uint8_t>((words[i / perWord * stride] >> (i % perWord * static_cast<unsigned>(bits))) & mask);
}

// Dense or older, told apart by the number of words; where both fit, the older one leaves the top bits of every word
// zero.
bool isLegacy(std::span<const std::uint32_t> words, std::size_t count, std::size_t fields, int bits,
              const std::string& layer, std::string_view component) {
  const std::size_t dense = wordsOfFields(fields, bits);
  const std::size_t legacy = legacyWords(fields, bits);
  if (count != dense && count != legacy)
    throw mismatchError(layer, component, std::to_string(dense) + " words", std::to_string(count));
  if (kWordBits % bits == 0 || dense == count) {
    if (dense != legacy || kWordBits % bits == 0) return false;
    const auto used = static_cast<unsigned>(kWordBits / bits * bits);
    return std::all_of(words.begin(), words.end(), [used](std::uint32_t word) { return word >> used == 0; });
  }
  return true;
}

void unpackWords(const PackedTensors& parts, QuantizedTensor& tensor, const std::string& layer) {
  const PackedTensor* packed = findPart(parts, "weight_packed");
  if (packed == nullptr) throw inputError(layer, "the tensor .weight_packed is missing");
  if (packed->dtype != DType::I32 || packed->shape.size() != 2 || packed->shape[0] != tensor.rows)
    throw mismatchError(layer, "weight_packed", "I32 with " + std::to_string(tensor.rows) + " rows",
                        toText(packed->shape));
  const std::span<const std::uint32_t> words = valuesIn<std::uint32_t>(*packed);
  const std::size_t count = packed->shape[1];
  const bool legacy = isLegacy(words, count, tensor.cols, tensor.scheme.bits, layer, "weight_packed");
  const auto unpack = legacy ? unpackLegacy : unpackFields;
  const auto offset = static_cast<std::uint8_t>(tensor.scheme.symmetric ? 1U << (tensor.scheme.bits - 1) : 0U);
  for (std::size_t o = 0; o < tensor.rows; ++o) {
    const auto row = std::span(tensor.codes).subspan(o * tensor.cols, tensor.cols);
    unpack(&words[o * count], 1, tensor.scheme.bits, row);
    if (offset == 0) continue;
    for (std::uint8_t& code : row) code = static_cast<std::uint8_t>(code - offset);
  }
}

void unpackZeros(const PackedTensors& parts, QuantizedTensor& tensor, const std::string& layer) {
  const PackedTensor* part = findPart(parts, "weight_zero_point");
  const std::size_t groups = tensor.scheme.groupsPerRow(tensor.cols);
  if (part == nullptr) throw inputError(layer, "the tensor .weight_zero_point is missing");
  if (part->dtype != DType::I32 || part->shape.size() != 2 || part->shape[1] != groups)
    throw mismatchError(layer, "weight_zero_point", "I32 with " + std::to_string(groups) + " columns",
                        toText(part->shape));
  const std::span<const std::uint32_t> words = valuesIn<std::uint32_t>(*part);
  const bool legacy = isLegacy(words, part->shape[0], tensor.rows, tensor.scheme.bits, layer, "weight_zero_point");
  const auto unpack = legacy ? unpackLegacy : unpackFields;
  std::vector<std::uint8_t> column(tensor.rows);
  tensor.zeroPoints.resize(tensor.rows * groups);
  for (std::size_t g = 0; g < groups; ++g) {
    unpack(&words[g], groups, tensor.scheme.bits, column);
    for (std::size_t o = 0; o < tensor.rows; ++o) tensor.zeroPoints[o * groups + g] = column[o];
  }
}

// weight_shape of packed layers, or the shape of the plain weight.
Shape weightShape(const PackedTensors& parts, const std::string& layer) {
  const PackedTensor* part = findPart(parts, "weight_shape");
  if (part == nullptr) {
    const PackedTensor* weight = findPart(parts, "weight");
    if (weight == nullptr || weight->shape.size() != 2) throw inputError(layer, "the tensor .weight_shape is missing");
    return weight->shape;
  }
  if (part->shape != Shape{2} || (part->dtype != DType::I64 && part->dtype != DType::I32))
    throw mismatchError(layer, "weight_shape", "two I64 values", toText(part->shape));
  std::vector<std::int64_t> values;
  if (part->dtype == DType::I64) {
    values = valuesOf<std::int64_t>(*part);
  } else {
    const std::vector<std::int32_t> narrow = valuesOf<std::int32_t>(*part);
    values.assign(narrow.begin(), narrow.end());
  }
  if (values[0] <= 0 || values[1] <= 0) throw inputError(layer, "weight_shape: sizes must be positive");
  return {static_cast<std::uint64_t>(values[0]), static_cast<std::uint64_t>(values[1])};
}

// A weight_shape that the words can't hold must not decide how much memory is taken.
void requirePlausible(const PackedTensors& parts, const Shape& shape, int bits, const std::string& layer) {
  const PackedTensor* packed = findPart(parts, "weight_packed");
  const std::uint64_t available = packed == nullptr ? 0 : packed->bytes.size();
  const std::optional<std::uint64_t> elements = elementCount(shape);
  if (!elements || *elements > available * 8 / static_cast<std::uint64_t>(bits))
    throw mismatchError(layer, "weight_shape", "no more codes than weight_packed holds", toText(shape));
}

std::vector<float> fp8Codebook() {
  std::vector<float> codebook(256);
  for (std::size_t code = 0; code < codebook.size(); ++code)
    codebook[code] = miniFloatToFloat(kE4M3, static_cast<std::uint8_t>(code));
  return codebook;
}

void unpackBytes(const PackedTensors& parts, const CompressedScheme& scheme, QuantizedTensor& tensor,
                 const std::string& layer) {
  const DType dtype = scheme.form == CompressedForm::Float ? DType::F8E4M3 : DType::I8;
  const PackedTensor& weight = requirePart(parts, "weight", dtype, {tensor.rows, tensor.cols}, layer);
  const std::span<const std::uint8_t> codes = valuesIn<std::uint8_t>(weight);
  tensor.codes.assign(codes.begin(), codes.end());
  if (scheme.form == CompressedForm::Float) {
    tensor.scheme.number = NumberFormat::Codebook;
    tensor.scheme.codebookName = "e4m3";
    tensor.codebook = fp8Codebook();
  } else if (!scheme.symmetric) {
    for (std::uint8_t& code : tensor.codes) code = static_cast<std::uint8_t>(code ^ 0x80U);
    const PackedTensor& zeros = requirePart(parts, "weight_zero_point", DType::I8, scaleShape(tensor), layer);
    for (const std::int8_t zero : valuesOf<std::int8_t>(zeros))
      tensor.zeroPoints.push_back(static_cast<float>(zero + 128));
  }
}

}  // namespace

PackedTensors packCompressed(const QuantizedTensor& tensor, CompressedForm form, DType scaleType,
                             const std::string& layer) {
  requireForm(tensor, form, layer);
  PackedTensors parts;
  if (form == CompressedForm::Packed)
    packWords(tensor, parts);
  else
    packBytes(tensor, form, parts);
  parts.push_back(packedFloats("weight_scale", scaleType, scaleShape(tensor), tensor.scales));
  const bool asymmetric = tensor.scheme.number == NumberFormat::Integer && !tensor.scheme.symmetric;
  if (asymmetric && form == CompressedForm::Packed) packZeros(tensor, parts);
  if (asymmetric && form == CompressedForm::Int) {
    const std::vector<std::int8_t> zeros = signedZeros(tensor);
    parts.push_back(
        packedTensor("weight_zero_point", DType::I8, scaleShape(tensor), std::span<const std::int8_t>(zeros)));
  }
  if (!tensor.groupIndex.empty())
    parts.push_back(
        packedTensor("weight_g_idx", DType::I32, {tensor.cols}, std::span<const std::int32_t>(tensor.groupIndex)));
  if (tensor.activations && tensor.activations->isStatic) packStaticInputs(*tensor.activations, scaleType, parts);
  return parts;
}

QuantizedTensor unpackCompressed(const PackedTensors& parts, const CompressedScheme& scheme, const std::string& layer) {
  const Shape shape = weightShape(parts, layer);
  QuantizedTensor tensor{.rows = shape[0], .cols = shape[1]};
  tensor.scheme = {.bits = scheme.form == CompressedForm::Packed ? scheme.bits : 8,
                   .symmetric = scheme.symmetric,
                   .range = SymmetricRange::Full,
                   .groupSize = scheme.groupSize};
  const PackedTensor* scales = findPart(parts, "weight_scale");
  if (scales == nullptr) throw inputError(layer, "the tensor .weight_scale is missing");
  if (elementCount(scales->shape) != tensor.scheme.scaleCount(tensor.rows, tensor.cols))
    throw mismatchError(layer, "weight_scale", toText(scaleShape(tensor)), toText(scales->shape));
  tensor.scales = floatsOf(*scales, layer);
  tensor.scheme.scaleType = scales->dtype == DType::F32   ? ScaleType::F32
                            : scales->dtype == DType::F16 ? ScaleType::F16
                                                          : ScaleType::BF16;
  if (scheme.form != CompressedForm::Packed) {
    unpackBytes(parts, scheme, tensor, layer);
    return tensor;
  }
  requirePlausible(parts, shape, scheme.bits, layer);
  tensor.codes.resize(tensor.rows * tensor.cols);
  unpackWords(parts, tensor, layer);
  if (!scheme.symmetric) unpackZeros(parts, tensor, layer);
  if (findPart(parts, "weight_g_idx") != nullptr)
    tensor.groupIndex = valuesOf<std::int32_t>(requirePart(parts, "weight_g_idx", DType::I32, {tensor.cols}, layer));
  for (const std::int32_t group : tensor.groupIndex)
    if (group < 0 || static_cast<std::size_t>(group) >= tensor.scheme.groupsPerRow(tensor.cols))
      throw inputError(layer, "weight_g_idx: group " + std::to_string(group) + " does not exist");
  return tensor;
}

}  // namespace qs
