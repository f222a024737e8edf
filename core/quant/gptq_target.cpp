#include "core/quant/gptq_target.h"

#include <algorithm>
#include <cassert>
#include <vector>

#include "core/base/parallel.h"
#include "core/kernels/matmul.h"
#include "core/kernels/triangular.h"

namespace qs {

namespace {

constexpr std::size_t kRowsPerTask = 64;
constexpr std::size_t kColumnsPerProduct = 256;

// (W·drift)ᵀ of some rows of W in the factor's column order: [in, rows].
std::vector<double> driftedOutputs(MatrixView rows, const ActivationStats& activations,
                                   std::span<const std::uint32_t> order, const RunContext& context) {
  const std::size_t in = rows.cols;
  const std::vector<double> weights(rows.values().begin(), rows.values().end());
  std::vector<double> product(rows.rows * in);
  for (std::size_t first = 0; first < in; first += kColumnsPerProduct) {
    context.throwIfStopped();
    const std::size_t width = std::min(kColumnsPerProduct, in - first);
    multiply(Block<const double>{weights.data(), rows.rows, in, in},
             Block<const double>{activations.drift.data() + first, in, width, in},
             Block<double>{product.data() + first, rows.rows, width, in});
  }
  std::vector<double> columns(product.size());
  for (std::size_t p = 0; p < in; ++p)
    for (std::size_t r = 0; r < rows.rows; ++r) columns[p * rows.rows + r] = product[r * in + order[p]];
  return columns;
}

}  // namespace

Matrix weightsForOriginalOutputs(MatrixView weights, const ActivationStats& activations, std::span<const double> factor,
                                 std::span<const std::uint32_t> order, const RunContext& context) {
  const std::size_t in = weights.cols;
  assert(activations.drift.size() == in * in && order.size() == in);
  Matrix result(weights.rows, in);
  parallelFor(context, (weights.rows + kRowsPerTask - 1) / kRowsPerTask, [&](std::size_t task) {
    const std::size_t first = task * kRowsPerTask;
    const std::size_t count = std::min(kRowsPerTask, weights.rows - first);
    std::vector<double> columns = driftedOutputs(weights.middleRows(first, count), activations, order, context);
    solveColumns(factor, in, columns, count, context);
    for (std::size_t p = 0; p < in; ++p)
      for (std::size_t r = 0; r < count; ++r)
        result(first + r, order[p]) = static_cast<float>(weights(first + r, order[p]) + columns[p * count + r]);
  });
  return result;
}

}  // namespace qs
