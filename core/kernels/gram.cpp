#include "core/kernels/gram.h"

#include <algorithm>
#include <cassert>
#include <vector>

#include "core/base/parallel.h"
#include "core/kernels/product_simd.h"
#include "core/kernels/stats_simd.h"

namespace qs {

namespace {

constexpr std::size_t kTile = 512;

// The product of one pair of column tiles in F32; of a tile with itself only the upper triangle.
void tileProduct(MatrixView rows, std::size_t i, std::size_t j, std::size_t height, std::size_t width, float* out) {
  simd::product(simd::Factor<float>{rows.data + i, height, 1, rows.cols},
                simd::Factor<float>{rows.data + j, width, 1, rows.cols}, rows.rows, out, width, simd::Into::Replace,
                i == j);
}

struct TilePair {
  std::size_t row;
  std::size_t col;
};

std::vector<TilePair> upperTiles(std::size_t channels) {
  std::vector<TilePair> tiles;
  for (std::size_t i = 0; i < channels; i += kTile)
    for (std::size_t j = i; j < channels; j += kTile) tiles.push_back({i, j});
  return tiles;
}

void addBlock(MatrixView block, TilePair tile, std::span<double> gram, std::vector<float>& product) {
  const std::size_t channels = block.cols;
  const std::size_t height = std::min(kTile, channels - tile.row);
  const std::size_t width = std::min(kTile, channels - tile.col);
  tileProduct(block, tile.row, tile.col, height, width, product.data());
  for (std::size_t r = 0; r < height; ++r) {
    double* out = gram.data() + (tile.row + r) * channels + tile.col;
    const float* in = product.data() + r * width;
    const std::size_t begin = tile.row == tile.col ? r : 0;
    simd::addWidened(in + begin, width - begin, out + begin);
  }
}

}  // namespace

void addGramUpper(MatrixView rows, std::span<double> gram, const RunContext& context) {
  assert(gram.size() == rows.cols * rows.cols);
  const std::vector<TilePair> tiles = upperTiles(rows.cols);
  parallelFor(context, tiles.size(), [&](std::size_t t) {
    std::vector<float> product(kTile * kTile);
    for (std::size_t first = 0; first < rows.rows; first += kGramBlockRows) {
      context.throwIfStopped();
      addBlock(rows.middleRows(first, std::min(kGramBlockRows, rows.rows - first)), tiles[t], gram, product);
    }
  });
}

void mirrorUpper(std::span<double> square, std::size_t size, const RunContext& context) {
  constexpr std::size_t kSide = 64;
  const std::size_t tiles = (size + kSide - 1) / kSide;
  parallelFor(context, tiles, [&](std::size_t tile) {
    const std::size_t rowEnd = std::min((tile + 1) * kSide, size);
    for (std::size_t col = 0; col < rowEnd; col += kSide)
      for (std::size_t r = tile * kSide; r < rowEnd; ++r)
        for (std::size_t c = col; c < std::min({col + kSide, r, size}); ++c)
          square[r * size + c] = square[c * size + r];
  });
}

}  // namespace qs
