#include "core/session/abs_max_pyramid.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"

namespace qs {

namespace {

constexpr std::size_t kFirstPool = 4;
constexpr std::size_t kNextPool = 2;
constexpr std::size_t kTileRows = 16;  // of the pooled level, one task

float stronger(float a, float b) { return std::abs(b) > std::abs(a) ? b : a; }

// The strongest of each column of `rows` rows of `cols` values.
void strongestRow(const float* values, std::size_t rows, std::size_t cols, float* best) {
  std::copy(values, values + cols, best);
  for (std::size_t r = 1; r < rows; ++r) {
    const float* row = values + r * cols;
    for (std::size_t c = 0; c < cols; ++c) best[c] = stronger(best[c], row[c]);
  }
}

// The same of a difference.
void strongestRow(const float* values, const float* minus, std::size_t rows, std::size_t cols, float* best) {
  for (std::size_t c = 0; c < cols; ++c) best[c] = values[c] - minus[c];
  for (std::size_t r = 1; r < rows; ++r) {
    const float* row = values + r * cols;
    const float* other = minus + r * cols;
    for (std::size_t c = 0; c < cols; ++c) best[c] = stronger(best[c], row[c] - other[c]);
  }
}

// Pools a row of `cols` values into ceil(cols / pool) cells.
void poolRow(const float* best, std::size_t cols, std::size_t pool, float* cells) {
  for (std::size_t c = 0; c < cols; c += pool) {
    float cell = best[c];
    for (std::size_t i = c + 1; i < std::min(c + pool, cols); ++i) cell = stronger(cell, best[i]);
    *cells++ = cell;
  }
}

AbsMaxPyramid::Level pooled(MatrixView matrix, MatrixView minus, std::size_t pool, std::size_t totalPool,
                            const RunContext& context) {
  AbsMaxPyramid::Level level{
      .pool = totalPool, .rows = (matrix.rows + pool - 1) / pool, .cols = (matrix.cols + pool - 1) / pool};
  level.values.resize(level.rows * level.cols);
  parallelFor(context, (level.rows + kTileRows - 1) / kTileRows, [&](std::size_t tile) {
    std::vector<float> best(matrix.cols);
    for (std::size_t r = tile * kTileRows; r < std::min((tile + 1) * kTileRows, level.rows); ++r) {
      const std::size_t first = r * pool;
      const std::size_t count = std::min(pool, matrix.rows - first);
      if (minus.data == nullptr)
        strongestRow(matrix.row(first).data(), count, matrix.cols, best.data());
      else
        strongestRow(matrix.row(first).data(), minus.row(first).data(), count, matrix.cols, best.data());
      poolRow(best.data(), matrix.cols, pool, level.values.data() + r * level.cols);
    }
  });
  return level;
}

}  // namespace

AbsMaxPyramid::AbsMaxPyramid(MatrixView matrix, const RunContext& context) : AbsMaxPyramid(matrix, {}, context) {}

AbsMaxPyramid::AbsMaxPyramid(MatrixView matrix, MatrixView minus, const RunContext& context)
    : m_rows(matrix.rows), m_cols(matrix.cols) {
  if (matrix.rows == 0 || matrix.cols == 0) return;
  m_levels.push_back(pooled(matrix, minus, kFirstPool, kFirstPool, context));
  while (m_levels.back().rows > 1 || m_levels.back().cols > 1) {
    const Level& finer = m_levels.back();
    m_levels.push_back(
        pooled({finer.values.data(), finer.rows, finer.cols}, {}, kNextPool, finer.pool * kNextPool, context));
  }
  m_largest = std::abs(m_levels.back().values.front());
}

}  // namespace qs
