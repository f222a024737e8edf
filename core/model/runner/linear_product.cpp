#include "core/model/runner/linear_product.h"

#include <algorithm>
#include <functional>

#include "core/base/parallel.h"

namespace qs {

namespace {

// About 10 ms of one core at 50 to 100 GF/s.
constexpr std::size_t kTileMultiplications = std::size_t{1} << 29U;
constexpr std::size_t kTileRows = 528;  // those of the inputs that a product packs at once

std::size_t tilesOf(std::size_t size, std::size_t perTile) { return (size + perTile - 1) / perTile; }

void addBias(const std::vector<float>& bias, std::size_t firstCol, Block<float> out) {
  for (std::size_t r = 0; r < out.rows; ++r)
    for (std::size_t c = 0; c < out.cols; ++c) out.data[r * out.stride + c] += bias[firstCol + c];
}

Matrix quantizedInputs(const LoadedLinear& linear, MatrixView in, const WeightProvider& provider,
                       const RunContext& context) {
  Matrix copy(in.rows, in.cols, {in.values().begin(), in.values().end()});
  forRowTiles(in.rows, in.cols * 8, context, [&](std::size_t first, std::size_t count) {
    provider.quantizeInputs(linear.spec, copy.span().middleRows(first, count));
  });
  return copy;
}

}  // namespace

LoadedLinear loadLinear(const LinearSpec& spec, const WeightProvider& provider, const RunContext& context) {
  LoadedLinear linear{.spec = spec, .weights = provider.linear(spec, context)};
  if (spec.bias) linear.bias = provider.vector(spec.name + ".bias");
  return linear;
}

void forRowTiles(std::size_t rows, std::size_t costPerRow, const RunContext& context,
                 const std::function<void(std::size_t, std::size_t)>& body) {
  constexpr std::size_t kTileCost = std::size_t{1} << 20U;
  const std::size_t perTile = std::clamp<std::size_t>(kTileCost / std::max<std::size_t>(1, costPerRow), 1, kTileRows);
  parallelFor(context, tilesOf(rows, perTile), [&](std::size_t tile) {
    const std::size_t first = tile * perTile;
    body(first, std::min(perTile, rows - first));
  });
}

void multiplyLinear(const LoadedLinear& linear, MatrixView in, Block<float> out, const WeightProvider& provider,
                    const RunContext& context) {
  Matrix quantized;
  if (provider.quantizesInputs(linear.spec)) {
    quantized = quantizedInputs(linear, in, provider, context);
    in = quantized.view();
  }
  const std::size_t rowTiles = tilesOf(in.rows, kTileRows);
  const std::size_t costPerColumn = std::min(in.rows, kTileRows) * in.cols;
  const std::size_t perTile =
      std::clamp<std::size_t>(kTileMultiplications / std::max<std::size_t>(1, costPerColumn), 64, 16384);
  const std::size_t colTiles = tilesOf(out.cols, perTile);
  const MatrixView weights = linear.weights->view();
  parallelFor(context, rowTiles * colTiles, [&](std::size_t tile) {
    const std::size_t row = tile / colTiles * kTileRows;
    const std::size_t col = tile % colTiles * perTile;
    const Block<float> part{.data = out.data + row * out.stride + col,
                            .rows = std::min(kTileRows, in.rows - row),
                            .cols = std::min(perTile, out.cols - col),
                            .stride = out.stride};
    multiplyTransposed({in.data + row * in.cols, part.rows, in.cols, in.cols},
                       {weights.data + col * weights.cols, part.cols, weights.cols, weights.cols}, part);
    if (!linear.bias.empty()) addBias(linear.bias, col, part);
  });
}

}  // namespace qs
