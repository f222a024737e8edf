#include "core/exporters/gguf/gguf_blocks.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/base/parallel.h"
#include "core/kernels/block_decode.h"
#include "core/kernels/block_encode.h"
#include "core/kernels/convert.h"
#include "core/kernels/dequantize.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

constexpr std::size_t kBlock = 32;
constexpr std::size_t kTileValues = std::size_t{1} << 16U;

std::size_t rowBytes(DType type, std::size_t cols) { return byteSize(type, cols).value_or(0); }

// Calls body(first row, rows) for tiles of rows, in parallel.
template <typename Body>
void forRows(std::size_t rows, std::size_t cols, const RunContext& context, const Body& body) {
  const std::size_t step = std::max<std::size_t>(1, kTileValues / std::max<std::size_t>(cols, 1));
  parallelFor(context, (rows + step - 1) / step,
              [&](std::size_t tile) { body(tile * step, std::min(step, rows - tile * step)); });
}

void packNibbles(const std::uint8_t* codes, std::uint8_t* out) {
  for (std::size_t j = 0; j < kBlock / 2; ++j)
    out[j] = static_cast<std::uint8_t>((codes[j] & 15U) | (codes[j + kBlock / 2] & 15U) << 4U);
}

// One block of codes as they are; `codes` are unsigned, with the type's middle added.
void packBlock(DType type, float scale, const std::uint8_t* codes, std::uint8_t* out) {
  if (type == DType::MXFP4) {
    out[0] = static_cast<std::uint8_t>(std::ilogb(scale) + 127);
    return packNibbles(codes, out + 1);
  }
  const std::uint16_t bits = floatToHalf(scale);
  std::memcpy(out, &bits, sizeof bits);
  if (type == DType::Q4_0) return packNibbles(codes, out + 2);
  if (type == DType::Q8_0) {
    std::memcpy(out + 2, codes, kBlock);
    return;
  }
  std::uint32_t high = 0;
  for (std::size_t j = 0; j < kBlock; ++j) high |= ((codes[j] >> 4U) & 1U) << j;
  std::memcpy(out + 2, &high, sizeof high);
  packNibbles(codes, out + 6);
}

void packRow(const QuantizedTensor& layer, DType type, std::size_t row, std::uint8_t* out) {
  const unsigned middle = type == DType::Q4_0 ? 8 : type == DType::Q5_0 ? 16 : 0;
  const std::size_t blockBytes = rowBytes(type, kBlock);
  std::vector<std::uint8_t> codes(layer.codes.begin() + static_cast<std::ptrdiff_t>(row * layer.cols),
                                  layer.codes.begin() + static_cast<std::ptrdiff_t>((row + 1) * layer.cols));
  for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(code + middle);
  for (std::size_t first = 0; first < layer.cols; first += kBlock, out += blockBytes)
    packBlock(type, layer.scales[layer.unit(row, first)], &codes[first], out);
}

void roundRows(MatrixSpan rows, DType type, std::span<const float> importance, std::span<std::byte> out) {
  if (type == DType::F16 || type == DType::BF16) {
    std::vector<std::uint16_t> bits(rows.values().size());
    type == DType::F16 ? narrowToHalf(rows.values(), bits) : narrowToBfloat16(rows.values(), bits);
    std::memcpy(out.data(), bits.data(), out.size());
    widenToFloat(type, out, rows.values());
    return;
  }
  std::vector<float> weights;
  if (!importance.empty())
    for (std::size_t r = 0; r < rows.rows; ++r) weights.insert(weights.end(), importance.begin(), importance.end());
  encodeBlocks(type, rows.values(), weights, out);
  decodeBlocks(type, out, rows.values());
}

}  // namespace

GgufMatrix ggufBlocksOf(const QuantizedTensor& layer, DType type, const RunContext& context) {
  assert(layer.cols % kBlock == 0 && layer.groupIndex.empty());
  const std::size_t width = rowBytes(type, layer.cols);
  GgufMatrix result{.bytes = std::vector<std::byte>(layer.rows * width), .values = dequantizeMatrix(layer, context)};
  auto* bytes = reinterpret_cast<std::uint8_t*>(result.bytes.data());
  forRows(layer.rows, layer.cols, context, [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) packRow(layer, type, row, bytes + row * width);
  });
  return result;
}

GgufMatrix ggufRounded(Matrix weights, DType type, std::span<const float> importance, const RunContext& context) {
  const std::size_t width = rowBytes(type, weights.cols());
  GgufMatrix result;
  result.bytes.resize(weights.rows() * width);
  result.values = std::move(weights);
  forRows(result.values.rows(), result.values.cols(), context, [&](std::size_t first, std::size_t count) {
    roundRows(result.values.span().middleRows(first, count), type, importance,
              std::span(result.bytes).subspan(first * width, count * width));
  });
  return result;
}

}  // namespace qs
