#include "core/train/passes/linear_pass.h"

#include <cmath>

#include "core/train/passes/norm_pass.h"
#include "core/train/passes/row_tiles.h"

namespace qs {

namespace {

constexpr std::size_t kLargestSide = 512;  // of a tile: larger ones gain nothing
constexpr std::size_t kSmallestSide = 64;
constexpr std::size_t kEnoughTiles = 16;
constexpr std::size_t kMostProducts = std::size_t{1} << 30U;  // of a tile, which then takes less than 50 ms

std::size_t parts(std::size_t size, std::size_t side) { return (size + side - 1) / side; }

/// Calls `body(firstRow, rows, firstCol, cols)` for a fixed grid of tiles of a product, in parallel; every value is a
/// sum over `depth`. Large tiles read their factors seldom; there have to be enough of them for all threads.
template <typename Body>
void forGrid(std::size_t rows, std::size_t cols, std::size_t depth, const RunContext& context, const Body& body) {
  std::size_t perRow = std::min(rows, kLargestSide);
  std::size_t perCol = std::min(cols, kLargestSide);
  const auto areTooLarge = [&] {
    return parts(rows, perRow) * parts(cols, perCol) < kEnoughTiles || perRow * perCol * depth > kMostProducts;
  };
  while (std::max(perRow, perCol) > kSmallestSide && areTooLarge()) {
    std::size_t& longer = perRow > perCol ? perRow : perCol;
    longer = std::max(kSmallestSide, parts(longer, 2));
  }
  const std::size_t across = parts(cols, perCol);
  const std::size_t down = parts(rows, perRow);
  parallelFor(context, across * down, [&](std::size_t tile) {
    const std::size_t row = tile / across * perRow;
    const std::size_t col = tile % across * perCol;
    body(row, std::min(perRow, rows - row), col, std::min(perCol, cols - col));
  });
}

template <typename T>
Block<T> part(Block<T> whole, std::size_t row, std::size_t rows, std::size_t col, std::size_t cols) {
  return {whole.data + row * whole.stride + col, rows, cols, whole.stride};
}

template <typename T>
void addBiasGradient(const std::string& name, Block<const T> outGradient, TensorMap<T>& gradients,
                     const RunContext& context) {
  if (!gradients.contains(name)) return;
  std::vector<std::vector<double>> partials(trainingRowTiles(outGradient.rows));
  forTrainingRows(outGradient.rows, context, [&](std::size_t tile, std::size_t first, std::size_t count) {
    partials[tile].assign(outGradient.cols, 0.0);
    for (std::size_t r = first; r < first + count; ++r)
      for (std::size_t c = 0; c < outGradient.cols; ++c)
        partials[tile][c] += static_cast<double>(outGradient.data[r * outGradient.stride + c]);
  });
  addPartials(partials, name, gradients);
}

}  // namespace

template <typename T>
RealMatrix<T> quantizedRows(BasicMatrixView<const T> in, const RunContext& context) {
  constexpr T kSmallest = static_cast<T>(1e-5);
  constexpr T kLargestCode = 127;
  RealMatrix<T> out(in.rows, in.cols);
  forTrainingRows(in.rows, context, [&](std::size_t, std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) {
      T largest = kSmallest;
      for (const T value : in.row(r)) largest = std::max(largest, std::abs(value));
      const T scale = largest / kLargestCode;
      for (std::size_t c = 0; c < in.cols; ++c)
        out.row(r)[c] = std::clamp(std::rint(in(r, c) / scale), -kLargestCode - 1, kLargestCode) * scale;
    }
  });
  return out;
}

template <typename T>
void linearForward(const TrainedLinear<T>& linear, const TensorMap<T>& tensors, BasicMatrixView<const T> in,
                   Block<T> out, const RunContext& context) {
  RealMatrix<T> quantized;
  if (linear.quantizesInputs) {
    quantized = quantizedRows<T>(in, context);
    in = quantized.view();
  }
  const BasicMatrixView<const T> weights = tensors.at(linear.weight).view();
  const std::span<const T> bias =
      linear.spec.bias ? tensors.at(linear.spec.name + ".bias").values() : std::span<const T>();
  forGrid(in.rows, out.cols, in.cols, context,
          [&](std::size_t row, std::size_t rows, std::size_t col, std::size_t cols) {
            const Block<T> tile = part(out, row, rows, col, cols);
            multiplyTransposed(blockOf(in, row, rows, 0, in.cols), blockOf(weights, col, cols, 0, weights.cols), tile);
            for (std::size_t r = 0; r < rows && !bias.empty(); ++r)
              for (std::size_t c = 0; c < cols; ++c) tile.data[r * tile.stride + c] += bias[col + c];
          });
}

template <typename T>
void linearBackward(const TrainedLinear<T>& linear, const TensorMap<T>& tensors, BasicMatrixView<const T> in,
                    Block<const T> outGradient, BasicMatrixView<T> inGradient, bool first, TensorMap<T>& gradients,
                    const RunContext& context) {
  const BasicMatrixView<const T> weights = tensors.at(linear.weight).view();
  const Block<const T> allWeights = blockOf(weights, 0, weights.rows, 0, weights.cols);
  forGrid(in.rows, in.cols, weights.rows, context,
          [&](std::size_t row, std::size_t rows, std::size_t col, std::size_t cols) {
            multiply(part(outGradient, row, rows, 0, outGradient.cols), part(allWeights, 0, weights.rows, col, cols),
                     part(blockOf(inGradient, 0, in.rows, 0, in.cols), row, rows, col, cols), !first);
          });
  if (linear.spec.bias) addBiasGradient(linear.spec.name + ".bias", outGradient, gradients, context);
  const auto wanted = gradients.find(linear.weight);
  if (wanted == gradients.end()) return;
  RealMatrix<T> quantized;
  if (linear.quantizesInputs) {
    quantized = quantizedRows<T>(in, context);
    in = quantized.view();
  }
  const BasicMatrixView<T> gradient = wanted->second.span();
  forGrid(gradient.rows, gradient.cols, in.rows, context,
          [&](std::size_t row, std::size_t rows, std::size_t col, std::size_t cols) {
            multiplyByTransposed(part(outGradient, 0, outGradient.rows, row, rows), blockOf(in, 0, in.rows, col, cols),
                                 blockOf(gradient, row, rows, col, cols), true);
          });
}

template RealMatrix<float> quantizedRows(BasicMatrixView<const float>, const RunContext&);
template RealMatrix<double> quantizedRows(BasicMatrixView<const double>, const RunContext&);
template void linearForward(const TrainedLinear<float>&, const TensorMap<float>&, BasicMatrixView<const float>,
                            Block<float>, const RunContext&);
template void linearForward(const TrainedLinear<double>&, const TensorMap<double>&, BasicMatrixView<const double>,
                            Block<double>, const RunContext&);
template void linearBackward(const TrainedLinear<float>&, const TensorMap<float>&, BasicMatrixView<const float>,
                             Block<const float>, BasicMatrixView<float>, bool, TensorMap<float>&, const RunContext&);
template void linearBackward(const TrainedLinear<double>&, const TensorMap<double>&, BasicMatrixView<const double>,
                             Block<const double>, BasicMatrixView<double>, bool, TensorMap<double>&, const RunContext&);

}  // namespace qs
