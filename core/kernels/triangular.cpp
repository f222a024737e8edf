#include "core/kernels/triangular.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include <Eigen/Core>

#include "core/base/blas_threads.h"
#include "core/base/parallel.h"
#include "core/kernels/product_simd.h"
#include "core/kernels/triangular_simd.h"
#include "core/tensor/unset_vector.h"

namespace qs {

namespace {

constexpr std::size_t kTile = 256;
constexpr std::size_t kUnblocked = 32;

// Column by column from the right: each pivot's column is scaled and its outer product taken from what is left of it.
bool factorSmall(double* a, std::size_t n, std::size_t stride) {
  for (std::size_t j = n; j-- > 0;) {
    const double pivot = a[j * stride + j];
    if (!(pivot > 0.0) || !std::isfinite(pivot)) return false;
    const double root = std::sqrt(pivot);
    a[j * stride + j] = root;
    for (std::size_t i = 0; i < j; ++i) a[i * stride + j] /= root;
    for (std::size_t i = 0; i < j; ++i)
      for (std::size_t k = i; k < j; ++k) a[i * stride + k] -= a[i * stride + j] * a[k * stride + j];
  }
  return true;
}

// X := X·R⁻ᵀ for X [rows, n] and R upper triangular, half by half: nearly all of it is a product.
void solveRight(const double* r, std::size_t n, double* x, std::size_t rows, std::size_t stride) {
  if (n <= simd::kMostSolved) return simd::solveRightSmall(r, stride, n, x, rows, stride);
  const std::size_t half = n / 2;
  solveRight(r + half * stride + half, n - half, x + half, rows, stride);
  simd::product(simd::Factor<double>{x + half, rows, stride, 1}, simd::Factor<double>{r + half, half, stride, 1},
                n - half, x, stride, simd::Into::Subtract, false);
  solveRight(r, half, x, rows, stride);
}

bool factorTile(double* a, std::size_t n, std::size_t stride) {
  if (n <= kUnblocked) return factorSmall(a, n, stride);
  const std::size_t half = n / 2;
  double* corner = a + half * stride + half;
  if (!factorTile(corner, n - half, stride)) return false;
  solveRight(corner, n - half, a + half, half, stride);
  const simd::Factor<double> right{a + half, half, stride, 1};
  simd::product(right, right, n - half, a, stride, simd::Into::Subtract, true);
  return factorTile(a, half, stride);
}

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Index index(std::size_t n) { return static_cast<Eigen::Index>(n); }

struct Tiling {
  std::size_t size;
  [[nodiscard]] std::size_t count() const { return (size + kTile - 1) / kTile; }
  [[nodiscard]] std::size_t extent(std::size_t t) const { return std::min(kTile, size - t * kTile); }
  [[nodiscard]] std::size_t at(std::size_t row, std::size_t col) const { return row * kTile * size + col * kTile; }
};

// The tiles A(i, b) above a diagonal one, as both factors of the products that they take part in.
class LaidOutTiles {
 public:
  LaidOutTiles(const Tiling& tiles, std::size_t b)
      : m_depth(tiles.extent(b)), m_left(b * leftSize()), m_right(b * rightSize()) {}

  void layOut(std::size_t i, const double* tile, std::size_t stride) {
    const simd::Factor<double> rows{tile, kTile, stride, 1};
    simd::packLeft(rows, m_depth, true, m_left.data() + i * leftSize());
    simd::packRight(rows, m_depth, m_right.data() + i * rightSize());
  }
  // C −= A(i, b)·A(j, b)ᵀ.
  void subtract(std::size_t i, std::size_t j, double* c, std::size_t stride) const {
    const simd::Strips<double> left{m_left.data() + i * leftSize(), simd::leftWidth() * m_depth, 0, kTile};
    const simd::Strips<double> right{m_right.data() + j * rightSize(), simd::rightWidth<double>() * m_depth, 0, kTile};
    simd::product(left, right, m_depth, simd::Output<double>{c, stride}, simd::Into::Add, i == j);
  }

 private:
  [[nodiscard]] std::size_t leftSize() const { return simd::stripValues(kTile, simd::leftWidth(), m_depth); }
  [[nodiscard]] std::size_t rightSize() const { return simd::stripValues(kTile, simd::rightWidth<double>(), m_depth); }

  std::size_t m_depth;
  UnsetVector<double> m_left;
  simd::StripRoom<double> m_right;
};

// A(i,b) := A(i,b)·R⁻ᵀ, then A(i,j) −= A(i,b)·A(j,b)ᵀ, for the tiles i ≤ j < b.
void updateLeft(double* a, const Tiling& tiles, std::size_t b, const RunContext& context) {
  LaidOutTiles laidOut(tiles, b);
  parallelFor(context, b, [&](std::size_t i) {
    solveRight(a + tiles.at(b, b), tiles.extent(b), a + tiles.at(i, b), kTile, tiles.size);
    laidOut.layOut(i, a + tiles.at(i, b), tiles.size);
  });
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < b; ++i)
    for (std::size_t j = i; j < b; ++j) pairs.emplace_back(i, j);
  parallelFor(context, pairs.size(), [&](std::size_t p) {
    const auto [i, j] = pairs[p];
    laidOut.subtract(i, j, a + tiles.at(i, j), tiles.size);
  });
}

}  // namespace

// H·X = B: R·Y = B from below, then Rᵀ·X = Y from above. The solves with tiles on the diagonal are OpenBLAS's.
void solveColumns(std::span<const double> factor, std::size_t size, std::span<double> columns, std::size_t width,
                  const RunContext& context) {
  assert(factor.size() == size * size && columns.size() == size * width);
  useOneBlasThread();
  const double* r = factor.data();
  double* x = columns.data();
  const Tiling tiles{size};
  const auto rowsOf = [&](std::size_t t) { return x + t * kTile * width; };
  const auto diagonalTile = [&](std::size_t t) {
    return Eigen::Map<const RowMajor, Eigen::Unaligned, Eigen::OuterStride<>>(
        r + tiles.at(t, t), index(tiles.extent(t)), index(tiles.extent(t)), Eigen::OuterStride<>(index(size)));
  };
  const auto tileRows = [&](std::size_t t) {
    return Eigen::Map<RowMajor>(rowsOf(t), index(tiles.extent(t)), index(width));
  };
  for (std::size_t t = tiles.count(); t-- > 0;) {
    context.throwIfStopped();
    auto solved = tileRows(t);
    diagonalTile(t).triangularView<Eigen::Upper>().solveInPlace(solved);
    for (std::size_t i = 0; i < t; ++i)
      simd::product(simd::Factor<double>{r + tiles.at(i, t), kTile, tiles.size, 1},
                    simd::Factor<double>{rowsOf(t), width, 1, width}, tiles.extent(t), rowsOf(i), width,
                    simd::Into::Subtract, false);
  }
  for (std::size_t t = 0; t < tiles.count(); ++t) {
    context.throwIfStopped();
    auto solved = tileRows(t);
    diagonalTile(t).transpose().triangularView<Eigen::Lower>().solveInPlace(solved);
    for (std::size_t i = t + 1; i < tiles.count(); ++i)
      simd::product(simd::Factor<double>{r + tiles.at(t, i), tiles.extent(i), 1, tiles.size},
                    simd::Factor<double>{rowsOf(t), width, 1, width}, tiles.extent(t), rowsOf(i), width,
                    simd::Into::Subtract, false);
  }
}

bool factorUpper(std::span<double> square, std::size_t size, const RunContext& context,
                 const std::function<void(double)>& progress) {
  assert(square.size() == size * size);
  const Tiling tiles{size};
  double* a = square.data();
  const auto count = static_cast<double>(tiles.count());
  for (std::size_t b = tiles.count(); b-- > 0;) {
    context.throwIfStopped();
    if (!factorTile(a + tiles.at(b, b), tiles.extent(b), size)) return false;
    updateLeft(a, tiles, b, context);
    const auto left = static_cast<double>(b);
    if (progress) progress(((left + 1) * (left + 1) * (left + 1) - left * left * left) / (count * count * count));
  }
  return true;
}

void invertFromFactor(std::span<const double> factor, std::size_t size, std::span<double> inverse,
                      const RunContext& context) {
  assert(factor.size() == size * size && inverse.size() == size * size);
  constexpr std::size_t kColumns = 64;
  parallelFor(context, (size + kColumns - 1) / kColumns, [&](std::size_t task) {
    const std::size_t first = task * kColumns;
    const std::size_t width = std::min(kColumns, size - first);
    std::vector<double> columns(size * width, 0.0);
    for (std::size_t c = 0; c < width; ++c) columns[(first + c) * width + c] = 1.0;
    solveColumns(factor, size, columns, width, context);
    for (std::size_t r = 0; r < size; ++r) std::copy_n(&columns[r * width], width, &inverse[r * size + first]);
  });
}

}  // namespace qs
