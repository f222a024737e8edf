#include "core/io/layouts/awq_layout.h"

#include <array>
#include <vector>

#include "core/base/error.h"
#include "core/io/layouts/bit_stream.h"
#include "core/io/layouts/stored_codes.h"

namespace qs {

namespace {

constexpr std::size_t kPerWord = 8;
constexpr int kBits = 4;
// Nibble i of a word holds output column kColumnOfNibble[i] of its eight.
constexpr std::array<std::size_t, kPerWord> kColumnOfNibble{0, 2, 4, 6, 1, 3, 5, 7};

// Unsigned nibbles [lines, outputs], packed along the outputs.
PackedTensor packLines(std::string suffix, std::span<const std::uint8_t> fields, std::size_t lines,
                       std::size_t outputs) {
  PackedTensor part = unsetPart(std::move(suffix), DType::I32, {lines, outputs / kPerWord});
  const std::uint8_t* first = fields.data();
  for (std::uint32_t& word : valuesIn<std::uint32_t>(part)) {
    word = 0;
    for (std::size_t nibble = 0; nibble < kPerWord; ++nibble)
      word |= static_cast<std::uint32_t>(first[kColumnOfNibble[nibble]] & 15U) << (4 * nibble);
    first += kPerWord;
  }
  return part;
}

std::vector<std::uint8_t> unpackLines(std::span<const std::uint32_t> words) {
  std::vector<std::uint8_t> fields(words.size() * kPerWord);
  for (std::size_t word = 0; word < words.size(); ++word)
    for (std::size_t nibble = 0; nibble < kPerWord; ++nibble)
      fields[word * kPerWord + kColumnOfNibble[nibble]] =
          static_cast<std::uint8_t>((words[word] >> (4 * nibble)) & 15U);
  return fields;
}

void requirePackable(const QuantizedTensor& tensor, const std::string& layer) {
  if (tensor.scheme.bits != kBits || tensor.scheme.number != NumberFormat::Integer || tensor.scheme.realZeroPoint)
    throw failedError(layer, "AWQ stores 4-bit integer codes with integer zero points only");
  if (!tensor.groupIndex.empty()) throw failedError(layer, "AWQ has no group index: groups must be runs of inputs");
  if (tensor.rows % kPerWord != 0) throw failedError(layer, "AWQ needs the outputs to be a multiple of 8");
  if (tensor.cols % tensor.scheme.groupLength(tensor.cols) != 0)
    throw failedError(layer, "AWQ needs the inputs to be a multiple of the group size");
}

// Words of zero points a row in the GEMV layout: 8 a word, then a multiple that grows as the groups get smaller.
std::size_t gemvZeroWords(std::size_t groups, std::int64_t groupSize) {
  const std::size_t multiple = groupSize == 64 ? 2 : groupSize == 32 ? 4 : 1;
  const std::size_t words = (groups + kPerWord - 1) / kPerWord;
  return (words + multiple - 1) / multiple * multiple;
}

const PackedTensor& requireMatrix(const PackedTensors& parts, std::string_view suffix, const std::string& layer) {
  const PackedTensor* part = findPart(parts, suffix);
  if (part == nullptr) throw inputError(layer, "the tensor ." + std::string(suffix) + " is missing");
  if (part->shape.size() != 2) throw mismatchError(layer, suffix, "2 dimensions", toText(part->shape));
  return *part;
}

}  // namespace

PackedTensors packAwq(const QuantizedTensor& tensor, const std::string& layer) {
  requirePackable(tensor, layer);
  const std::size_t groups = tensor.scheme.groupsPerRow(tensor.cols);
  std::vector<std::uint8_t> byOutput(tensor.codes.size());
  for (std::size_t o = 0; o < tensor.rows; ++o)
    unsignedRow(tensor, o, std::span(byOutput).subspan(o * tensor.cols, tensor.cols));
  const std::vector<std::uint8_t> byInput =
      transposed(std::span<const std::uint8_t>(byOutput), tensor.rows, tensor.cols);
  const std::vector<std::uint8_t> zerosByRow = unsignedZeroPoints(tensor);
  const std::vector<std::uint8_t> zeros = transposed(std::span<const std::uint8_t>(zerosByRow), tensor.rows, groups);
  const std::vector<float> scalesByRow = scalesPerGroup(tensor);
  const std::vector<float> scales = transposed(std::span<const float>(scalesByRow), tensor.rows, groups);
  return {packLines("qweight", byInput, tensor.cols, tensor.rows), packLines("qzeros", zeros, groups, tensor.rows),
          packedFloats("scales", DType::F16, {groups, tensor.rows}, scales)};
}

QuantizedTensor unpackAwq(const PackedTensors& parts, std::int64_t groupSize, const std::string& layer) {
  const PackedTensor& weights = requireMatrix(parts, "qweight", layer);
  if (weights.dtype != DType::I32) throw mismatchError(layer, "qweight", "I32", name(weights.dtype));
  QuantizedTensor tensor{.rows = weights.shape[1] * kPerWord, .cols = weights.shape[0]};
  tensor.scheme = {.bits = kBits, .symmetric = false, .groupSize = groupSize, .scaleType = ScaleType::F16};
  const std::size_t groups = tensor.scheme.groupsPerRow(tensor.cols);
  const PackedTensor& zeroPart = requirePart(parts, "qzeros", DType::I32, {groups, weights.shape[1]}, layer);
  const PackedTensor& scalePart = requireMatrix(parts, "scales", layer);
  if (scalePart.shape != Shape{groups, tensor.rows})
    throw mismatchError(layer, "scales", toText({groups, tensor.rows}), toText(scalePart.shape));

  const std::vector<std::uint8_t> byInput = unpackLines(valuesIn<std::uint32_t>(weights));
  const std::vector<std::uint8_t> byOutput =
      transposed(std::span<const std::uint8_t>(byInput), tensor.cols, tensor.rows);
  tensor.codes.assign(byOutput.begin(), byOutput.end());
  const std::vector<std::uint8_t> zerosByGroup = unpackLines(valuesIn<std::uint32_t>(zeroPart));
  const std::vector<std::uint8_t> zeros = transposed(std::span<const std::uint8_t>(zerosByGroup), groups, tensor.rows);
  tensor.zeroPoints.assign(zeros.begin(), zeros.end());
  const std::vector<float> scalesByGroup = floatsOf(scalePart, layer);
  tensor.scales = transposed(std::span<const float>(scalesByGroup), groups, tensor.rows);
  return tensor;
}

QuantizedTensor unpackAwqGemv(const PackedTensors& parts, std::int64_t groupSize, const std::string& layer) {
  const PackedTensor& weights = requireMatrix(parts, "qweight", layer);
  if (weights.dtype != DType::I32) throw mismatchError(layer, "qweight", "I32", name(weights.dtype));
  QuantizedTensor tensor{.rows = weights.shape[0], .cols = weights.shape[1] * kPerWord};
  tensor.scheme = {.bits = kBits, .symmetric = false, .groupSize = groupSize, .scaleType = ScaleType::F16};
  const std::size_t groups = tensor.scheme.groupsPerRow(tensor.cols);
  const std::size_t zeroWords = gemvZeroWords(groups, groupSize);
  const std::size_t padded = zeroWords * kPerWord;
  const PackedTensor& zeroPart = requirePart(parts, "qzeros", DType::I32, {tensor.rows, zeroWords}, layer);
  const PackedTensor& scalePart = requireMatrix(parts, "scales", layer);
  if (scalePart.shape != Shape{tensor.rows, padded})
    throw mismatchError(layer, "scales", toText({tensor.rows, padded}), toText(scalePart.shape));
  tensor.codes.resize(tensor.rows * tensor.cols);
  const std::span<const std::uint32_t> codeWords = valuesIn<std::uint32_t>(weights);
  unpackFields(codeWords.data(), 1, kBits, tensor.codes);
  std::vector<std::uint8_t> zeros(tensor.rows * padded);
  const std::span<const std::uint32_t> words = valuesIn<std::uint32_t>(zeroPart);
  unpackFields(words.data(), 1, kBits, zeros);
  const std::vector<float> scales = floatsOf(scalePart, layer);
  for (std::size_t row = 0; row < tensor.rows; ++row)
    for (std::size_t g = 0; g < groups; ++g) {
      tensor.zeroPoints.push_back(zeros[row * padded + g]);
      tensor.scales.push_back(scales[row * padded + g]);
    }
  return tensor;
}

}  // namespace qs
