#include "core/tensor/quantized_tensor.h"

namespace qs {

namespace {

std::uint64_t bytesOfBits(std::uint64_t bits) { return (bits + 7) / 8; }

void dequantizeRow(const QuantizedTensor& tensor, std::size_t row, std::span<float> out) {
  const std::size_t groupLength = tensor.scheme.groupLength(tensor.cols);
  for (std::size_t first = 0; first < tensor.cols; first += groupLength) {
    const std::size_t last = std::min(first + groupLength, tensor.cols);
    const std::size_t unit = tensor.unit(row, first);
    const float scale = tensor.scales[unit];
    const float zero = tensor.zeroPoints.empty() ? 0.0F : tensor.zeroPoints[unit];
    for (std::size_t col = first; col < last; ++col)
      out[col] = (static_cast<float>(tensor.code(row, col)) - zero) * scale;
  }
}

// The general form: any group index, any codebook.
void dequantizeRowIndexed(const QuantizedTensor& tensor, std::size_t row, std::span<float> out) {
  for (std::size_t col = 0; col < tensor.cols; ++col) {
    const std::size_t unit = tensor.unit(row, col);
    const int code = tensor.code(row, col);
    const float zero = tensor.zeroPoints.empty() ? 0.0F : tensor.zeroPoints[unit];
    const float value =
        tensor.codebook.empty() ? static_cast<float>(code) - zero : tensor.codebook[static_cast<std::size_t>(code)];
    out[col] = value * tensor.scales[unit];
  }
}

}  // namespace

std::size_t QuantizedTensor::unit(std::size_t row, std::size_t col) const {
  if (scheme.groupSize == kPerTensor) return 0;
  const std::size_t group =
      groupIndex.empty() ? col / scheme.groupLength(cols) : static_cast<std::size_t>(groupIndex[col]);
  return row * scheme.groupsPerRow(cols) + group;
}

std::uint64_t QuantizedTensor::storedBytes() const {
  std::uint64_t bytes = bytesOfBits(static_cast<std::uint64_t>(rows) * cols * static_cast<std::uint64_t>(scheme.bits));
  if (nestedScales)
    bytes += nestedScales->codes.size() + 4 * nestedScales->absMax.size() + 4 * nestedScales->codebook.size() + 4;
  else
    bytes += bytesOfBits(scales.size() * static_cast<std::uint64_t>(bitsOf(scheme.scaleType)));
  const int zeroBits = scheme.realZeroPoint ? bitsOf(scheme.scaleType) : scheme.bits;
  bytes += bytesOfBits(zeroPoints.size() * static_cast<std::uint64_t>(zeroBits));
  return bytes + groupIndex.size() * sizeof(std::int32_t);
}

double QuantizedTensor::bitsPerWeight() const {
  const auto weights = static_cast<double>(rows) * static_cast<double>(cols);
  return weights > 0 ? 8.0 * static_cast<double>(storedBytes()) / weights : 0.0;
}

void dequantizeScaledRows(const QuantizedTensor& tensor, std::size_t firstRow, MatrixSpan out) {
  const bool plain = tensor.codebook.empty() && tensor.groupIndex.empty();
  for (std::size_t r = 0; r < out.rows; ++r) {
    if (plain)
      dequantizeRow(tensor, firstRow + r, out.row(r));
    else
      dequantizeRowIndexed(tensor, firstRow + r, out.row(r));
  }
}

bool haveSameCodes(const QuantizedTensor& a, const QuantizedTensor& b) {
  const auto hasSign = [](const QuantizedTensor& tensor) { return tensor.scheme.symmetric && tensor.codebook.empty(); };
  return a.rows == b.rows && a.cols == b.cols && hasSign(a) == hasSign(b) &&
         a.scheme.groupLength(a.cols) == b.scheme.groupLength(b.cols) && a.codes == b.codes && a.scales == b.scales &&
         a.zeroPoints == b.zeroPoints && a.groupIndex == b.groupIndex && a.codebook == b.codebook &&
         a.inputScale == b.inputScale;
}

void dequantizeRows(const QuantizedTensor& tensor, std::size_t firstRow, MatrixSpan out) {
  dequantizeScaledRows(tensor, firstRow, out);
  if (tensor.inputScale.empty()) return;
  for (std::size_t r = 0; r < out.rows; ++r)
    for (std::size_t col = 0; col < tensor.cols; ++col) out(r, col) /= tensor.inputScale[col];
}

Matrix dequantize(const QuantizedTensor& tensor) {
  Matrix weights(tensor.rows, tensor.cols);
  dequantizeRows(tensor, 0, weights.span());
  return weights;
}

}  // namespace qs
