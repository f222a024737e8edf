#include "core/kernels/dequantize.h"

#include <algorithm>
#include <cassert>

#include "core/base/parallel.h"
#include "core/kernels/uniform_grid.h"

namespace qs {

namespace {

UnitGrid gridOf(const QuantizedTensor& tensor, std::size_t unit) {
  return {.scale = tensor.scales[unit], .zero = tensor.zeroPoints.empty() ? 0.0F : tensor.zeroPoints[unit]};
}

void lookUp(std::span<const std::uint8_t> codes, const std::vector<float>& codebook, float scale,
            std::span<float> out) {
  for (std::size_t i = 0; i < codes.size(); ++i) out[i] = codebook[codes[i]] * scale;
}

void dequantizeGroups(const QuantizedTensor& tensor, std::size_t row, std::span<float> out) {
  const std::size_t length = tensor.scheme.groupLength(tensor.cols);
  const auto codes = std::span(tensor.codes).subspan(row * tensor.cols, tensor.cols);
  for (std::size_t first = 0; first < tensor.cols; first += length) {
    const std::size_t count = std::min(length, tensor.cols - first);
    const std::size_t unit = tensor.unit(row, first);
    if (tensor.codebook.empty())
      dequantizeRun(codes.subspan(first, count), gridOf(tensor, unit), tensor.scheme, out.subspan(first, count));
    else
      lookUp(codes.subspan(first, count), tensor.codebook, tensor.scales[unit], out.subspan(first, count));
  }
}

}  // namespace

void dequantizeTile(const QuantizedTensor& tensor, std::size_t firstRow, MatrixSpan out) {
  if (!tensor.groupIndex.empty()) return dequantizeRows(tensor, firstRow, out);
  for (std::size_t r = 0; r < out.rows; ++r) {
    const auto row = out.row(r);
    dequantizeGroups(tensor, firstRow + r, row);
    for (std::size_t c = 0; c < tensor.inputScale.size(); ++c) row[c] /= tensor.inputScale[c];
  }
}

void dequantizeMatrix(const QuantizedTensor& tensor, MatrixSpan out, const RunContext& context) {
  assert(out.rows == tensor.rows && out.cols == tensor.cols);
  const std::size_t step = std::max<std::size_t>(1, (std::size_t{1} << 18) / (tensor.cols + 1));
  parallelFor(context, (tensor.rows + step - 1) / step, [&](std::size_t tile) {
    const std::size_t first = tile * step;
    dequantizeTile(tensor, first, out.middleRows(first, std::min(step, tensor.rows - first)));
  });
}

Matrix dequantizeMatrix(const QuantizedTensor& tensor, const RunContext& context) {
  Matrix weights(tensor.rows, tensor.cols);
  dequantizeMatrix(tensor, weights.span(), context);
  return weights;
}

}  // namespace qs
