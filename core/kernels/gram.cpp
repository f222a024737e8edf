#include "core/kernels/gram.h"

#include <algorithm>
#include <cassert>
#include <vector>

#include "core/base/parallel.h"
#include "core/kernels/prefetch.h"
#include "core/kernels/product_simd.h"
#include "core/kernels/stats_simd.h"

namespace qs {

namespace {

constexpr std::size_t kTile = 512;
constexpr std::size_t kRowsAhead = 2;

enum class Part { Whole, Upper };  // of the product

struct TilePair {
  std::size_t row;
  std::size_t col;
};

std::vector<TilePair> tilesOf(std::size_t channels, Part part) {
  std::vector<TilePair> tiles;
  for (std::size_t i = 0; i < channels; i += kTile)
    for (std::size_t j = part == Part::Upper ? i : 0; j < channels; j += kTile) tiles.push_back({i, j});
  return tiles;
}

// The product of one pair of column tiles in F32, added in F64.
void addBlock(MatrixView a, MatrixView b, TilePair tile, bool onlyUpper, std::span<double> sum,
              std::vector<float>& product) {
  const std::size_t channels = a.cols;
  const std::size_t height = std::min(kTile, channels - tile.row);
  const std::size_t width = std::min(kTile, channels - tile.col);
  simd::product(simd::Factor<float>{a.data + tile.row, height, 1, channels},
                simd::Factor<float>{b.data + tile.col, width, 1, channels}, a.rows, product.data(), width,
                simd::Into::Replace, onlyUpper);
  for (std::size_t r = 0; r < height; ++r) {
    double* out = sum.data() + (tile.row + r) * channels + tile.col;
    const float* in = product.data() + r * width;
    const std::size_t begin = onlyUpper ? r : 0;
    // Rows of the sums lie far apart, so that nothing else fetches them in time.
    if (r + kRowsAhead < height)
      simd::askFor(std::as_bytes(std::span(out + kRowsAhead * channels, width)).data(), width * sizeof(double));
    simd::addWidened(in + begin, width - begin, out + begin);
  }
}

void addTiles(MatrixView a, MatrixView b, Part part, std::span<double> sum, const RunContext& context) {
  assert(sum.size() == a.cols * a.cols && a.rows == b.rows && a.cols == b.cols);
  const std::vector<TilePair> tiles = tilesOf(a.cols, part);
  parallelFor(context, tiles.size(), [&](std::size_t t) {
    std::vector<float> product(kTile * kTile);
    const bool onlyUpper = part == Part::Upper && tiles[t].row == tiles[t].col;
    for (std::size_t first = 0; first < a.rows; first += kGramBlockRows) {
      context.throwIfStopped();
      const std::size_t count = std::min(kGramBlockRows, a.rows - first);
      addBlock(a.middleRows(first, count), b.middleRows(first, count), tiles[t], onlyUpper, sum, product);
    }
  });
}

}  // namespace

void addGramUpper(MatrixView rows, std::span<double> gram, const RunContext& context) {
  addTiles(rows, rows, Part::Upper, gram, context);
}

void addProducts(MatrixView a, MatrixView b, std::span<double> product, const RunContext& context) {
  addTiles(a, b, Part::Whole, product, context);
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
