#include "core/io/layouts/gptq_layout.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/base/error.h"
#include "core/io/layouts/bit_stream.h"
#include "core/io/layouts/stored_codes.h"

namespace qs {

namespace {

constexpr std::size_t kWordBits = 32;
constexpr std::size_t kStrip = 16;  // words of a cache line

std::uint8_t mask(int bits) { return static_cast<std::uint8_t>((1U << static_cast<unsigned>(bits)) - 1U); }

void requirePackable(const QuantizedTensor& tensor, const std::string& layer) {
  const int bits = tensor.scheme.bits;
  if (bits != 2 && bits != 3 && bits != 4 && bits != 8)
    throw failedError(layer, "GPTQ stores 2, 3, 4 or 8 bits, not " + std::to_string(bits));
  if (tensor.rows % kWordBits != 0 || tensor.cols % kWordBits != 0)
    throw failedError(layer, "GPTQ needs both dimensions to be multiples of 32");
  if (tensor.scheme.number != NumberFormat::Integer || tensor.scheme.realZeroPoint)
    throw failedError(layer, "GPTQ stores integer codes with integer zero points only");
}

// A column of qweight is one output's stream. Outputs are taken in strips, so that the file's rows fill by cache lines.
PackedTensor packWeights(const QuantizedTensor& tensor) {
  const int bits = tensor.scheme.bits;
  const std::size_t wordRows = wordsOfFields(tensor.cols, bits);
  PackedTensor part = unsetPart("qweight", DType::I32, {wordRows, tensor.rows});
  const std::span<std::uint32_t> words = valuesIn<std::uint32_t>(part);
  std::vector<std::uint32_t> strip(kStrip * wordRows);
  std::vector<std::uint8_t> row(tensor.cols);
  for (std::size_t first = 0; first < tensor.rows; first += kStrip) {
    const std::size_t count = std::min(kStrip, tensor.rows - first);
    for (std::size_t o = 0; o < count; ++o) {
      unsignedRow(tensor, first + o, row);
      packFields(row, bits, &strip[o * wordRows]);
    }
    for (std::size_t w = 0; w < wordRows; ++w)
      for (std::size_t o = 0; o < count; ++o) words[w * tensor.rows + first + o] = strip[o * wordRows + w];
  }
  return part;
}

void unpackWeights(const PackedTensor& part, QuantizedTensor& tensor) {
  const std::size_t wordRows = wordsOfFields(tensor.cols, tensor.scheme.bits);
  const std::span<const std::uint32_t> words = valuesIn<std::uint32_t>(part);
  tensor.codes.resize(tensor.rows * tensor.cols);
  std::vector<std::uint32_t> strip(kStrip * wordRows);
  for (std::size_t first = 0; first < tensor.rows; first += kStrip) {
    const std::size_t count = std::min(kStrip, tensor.rows - first);
    for (std::size_t w = 0; w < wordRows; ++w)
      for (std::size_t o = 0; o < count; ++o) strip[o * wordRows + w] = words[w * tensor.rows + first + o];
    for (std::size_t o = 0; o < count; ++o)
      unpackFields(&strip[o * wordRows], 1, tensor.scheme.bits,
                   std::span(tensor.codes).subspan((first + o) * tensor.cols, tensor.cols));
  }
}

PackedTensor packZeros(const QuantizedTensor& tensor, GptqVersion version, const std::string& layer) {
  const std::size_t groups = tensor.scheme.groupsPerRow(tensor.cols);
  const std::vector<std::uint8_t> byRow = unsignedZeroPoints(tensor);
  std::vector<std::uint8_t> zeros = transposed(std::span<const std::uint8_t>(byRow), tensor.rows, groups);
  if (version == GptqVersion::V1) {
    if (std::find(zeros.begin(), zeros.end(), 0) != zeros.end())
      throw failedError(layer, "GPTQ v1 can't hold a zero point of 0: use version 2");
    for (std::uint8_t& zero : zeros) --zero;
  }
  const std::size_t wordCols = wordsOfFields(tensor.rows, tensor.scheme.bits);
  std::vector<std::uint32_t> words(groups * wordCols);
  for (std::size_t g = 0; g < groups; ++g)
    packFields(std::span(zeros).subspan(g * tensor.rows, tensor.rows), tensor.scheme.bits, &words[g * wordCols]);
  return packedTensor("qzeros", DType::I32, {groups, wordCols}, std::span<const std::uint32_t>(words));
}

std::vector<std::int32_t> plainGroupIndex(std::size_t cols, std::size_t groupLength) {
  std::vector<std::int32_t> index(cols);
  for (std::size_t k = 0; k < cols; ++k) index[k] = static_cast<std::int32_t>(k / groupLength);
  return index;
}

// The zero points [rows, groups] as stored in the file, before the version's correction.
std::vector<std::uint8_t> storedZeros(const PackedTensor& part, std::size_t rows, std::size_t groups, int bits) {
  const std::span<const std::uint32_t> words = valuesIn<std::uint32_t>(part);
  const std::size_t wordCols = wordsOfFields(rows, bits);
  std::vector<std::uint8_t> zeros(groups * rows);
  for (std::size_t g = 0; g < groups; ++g)
    unpackFields(&words[g * wordCols], 1, bits, std::span(zeros).subspan(g * rows, rows));
  return transposed(std::span<const std::uint8_t>(zeros), groups, rows);
}

struct LayerShape {
  std::size_t rows = 0;
  std::size_t cols = 0;
};

LayerShape shapeOf(const PackedTensors& parts, int bits, const std::string& layer) {
  const PackedTensor* weights = findPart(parts, "qweight");
  if (weights == nullptr) throw inputError(layer, "the tensor .qweight is missing");
  if (weights->shape.size() != 2 || weights->dtype != DType::I32)
    throw mismatchError(layer, "qweight", "I32 with 2 dimensions", toText(weights->shape));
  const std::uint64_t streamBits = weights->shape[0] * kWordBits;  // no overflow: the words are in memory
  if (streamBits % static_cast<std::uint64_t>(bits) != 0)
    throw inputError(layer, "qweight: its rows are no whole number of " + std::to_string(bits) + "-bit codes");
  return {weights->shape[1], streamBits / static_cast<std::uint64_t>(bits)};
}

void readGroupIndex(const PackedTensors& parts, std::size_t groups, QuantizedTensor& tensor, const std::string& layer) {
  const PackedTensor* part = findPart(parts, "g_idx");
  if (part == nullptr) return;
  const PackedTensor& checked = requirePart(parts, "g_idx", DType::I32, {tensor.cols}, layer);
  std::vector<std::int32_t> index = valuesOf<std::int32_t>(checked);
  for (const std::int32_t group : index)
    if (group < 0 || static_cast<std::size_t>(group) >= groups)
      throw mismatchError(layer, "g_idx", "0 to " + std::to_string(groups - 1), std::to_string(group));
  if (index != plainGroupIndex(tensor.cols, tensor.scheme.groupLength(tensor.cols)))
    tensor.groupIndex = std::move(index);
}

}  // namespace

PackedTensors packGptq(const QuantizedTensor& tensor, GptqVersion version, const std::string& layer) {
  requirePackable(tensor, layer);
  const std::size_t groups = tensor.scheme.groupsPerRow(tensor.cols);
  const std::vector<float> byRow = scalesPerGroup(tensor);
  const std::vector<float> scales = transposed(std::span<const float>(byRow), tensor.rows, groups);
  const std::vector<std::int32_t> index = tensor.groupIndex.empty()
                                              ? plainGroupIndex(tensor.cols, tensor.scheme.groupLength(tensor.cols))
                                              : tensor.groupIndex;
  PackedTensors parts;
  parts.push_back(packWeights(tensor));
  parts.push_back(packZeros(tensor, version, layer));
  parts.push_back(packedFloats("scales", DType::F16, {groups, tensor.rows}, scales));
  parts.push_back(packedTensor("g_idx", DType::I32, {tensor.cols}, std::span<const std::int32_t>(index)));
  return parts;
}

GptqZeroPoints zeroPointsOf(const PackedTensor& zeros, std::size_t outputs, const GptqScheme& scheme) {
  const std::span<const std::uint32_t> words = valuesIn<std::uint32_t>(zeros);
  const std::size_t rowWords = zeros.shape.empty() ? words.size() : zeros.shape.back();
  const std::size_t fields = std::min(outputs, rowWords * kWordBits / static_cast<std::size_t>(scheme.bits));
  const auto middle = static_cast<std::uint8_t>(1U << static_cast<unsigned>(scheme.bits - 1));
  const auto expected = static_cast<std::uint8_t>(middle - (scheme.version == GptqVersion::V1 ? 1 : 0));
  bool allExpected = true;
  bool allMiddle = true;
  std::vector<std::uint8_t> row(fields);
  for (std::size_t at = 0; rowWords > 0 && at + rowWords <= words.size(); at += rowWords) {
    unpackFields(&words[at], 1, scheme.bits, row);
    for (const std::uint8_t field : row) {
      allExpected = allExpected && field == expected;
      allMiddle = allMiddle && field == middle;
    }
  }
  if (allExpected) return GptqZeroPoints::Middle;
  return allMiddle ? GptqZeroPoints::MiddleOfOtherVersion : GptqZeroPoints::Other;
}

QuantizedTensor unpackGptq(const PackedTensors& parts, const GptqScheme& scheme, const std::string& layer) {
  const auto [rows, cols] = shapeOf(parts, scheme.bits, layer);
  QuantizedTensor tensor{.rows = rows, .cols = cols};
  tensor.scheme = {.bits = scheme.bits, .symmetric = false, .groupSize = scheme.groupSize, .scaleType = ScaleType::F16};
  const std::size_t groups = tensor.scheme.groupsPerRow(cols);
  const PackedTensor& zeroPart =
      requirePart(parts, "qzeros", DType::I32, {groups, wordsOfFields(rows, scheme.bits)}, layer);
  const PackedTensor* scalePart = findPart(parts, "scales");
  if (scalePart == nullptr) throw inputError(layer, "the tensor .scales is missing");
  if (scalePart->shape != Shape{groups, rows})
    throw mismatchError(layer, "scales", toText({groups, rows}), toText(scalePart->shape));
  const std::vector<float> scales = floatsOf(*scalePart, layer);
  tensor.scales = transposed(std::span<const float>(scales), groups, rows);
  readGroupIndex(parts, groups, tensor, layer);

  unpackWeights(*findPart(parts, "qweight"), tensor);
  std::vector<std::uint8_t> zeros = storedZeros(zeroPart, rows, groups, scheme.bits);
  const auto middle = static_cast<std::uint8_t>(1U << static_cast<unsigned>(scheme.bits - 1));
  const bool allMiddle = std::all_of(zeros.begin(), zeros.end(), [middle](std::uint8_t z) { return z == middle; });
  const bool wrongLabel = scheme.version == GptqVersion::V1 && scheme.symmetric && allMiddle;
  if (scheme.version == GptqVersion::V1 && !wrongLabel)
    for (std::uint8_t& zero : zeros) zero = static_cast<std::uint8_t>((zero + 1U) & mask(scheme.bits));
  tensor.zeroPoints.assign(zeros.begin(), zeros.end());
  return tensor;
}

}  // namespace qs
