#include "core/kernels/dequantize.h"

#include <algorithm>
#include <cassert>

#include "core/base/parallel.h"

namespace qs {

void dequantizeMatrix(const QuantizedTensor& tensor, MatrixSpan out, const RunContext& context) {
  assert(out.rows == tensor.rows && out.cols == tensor.cols);
  const std::size_t step = std::max<std::size_t>(1, (std::size_t{1} << 18) / (tensor.cols + 1));
  parallelFor(context, (tensor.rows + step - 1) / step, [&](std::size_t tile) {
    const std::size_t first = tile * step;
    dequantizeRows(tensor, first, out.middleRows(first, std::min(step, tensor.rows - first)));
  });
}

Matrix dequantizeMatrix(const QuantizedTensor& tensor, const RunContext& context) {
  Matrix weights(tensor.rows, tensor.cols);
  dequantizeMatrix(tensor, weights.span(), context);
  return weights;
}

}  // namespace qs
