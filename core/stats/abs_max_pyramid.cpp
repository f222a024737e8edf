#include "core/stats/abs_max_pyramid.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "core/base/parallel.h"
#include "core/kernels/stats_simd.h"

namespace qs {

namespace {

constexpr std::size_t kNextPool = 2;
constexpr std::size_t kTileRows = 16 * AbsMaxPyramid::kFirstPool;  // a task's

float stronger(float a, float b) { return std::abs(b) > std::abs(a) ? b : a; }

AbsMaxPyramid::Level emptyLevel(std::size_t pool, std::size_t rows, std::size_t cols, std::size_t by) {
  AbsMaxPyramid::Level level{.pool = pool, .rows = (rows + by - 1) / by, .cols = (cols + by - 1) / by};
  level.values.resize(level.rows * level.cols);
  return level;
}

void poolPair(const float* upper, const float* lower, std::size_t cols, float* cells) {
  for (std::size_t left = 0; left < cols; left += kNextPool) {
    const std::size_t right = std::min(left + 1, cols - 1);
    *cells++ = stronger(stronger(upper[left], lower[left]), stronger(upper[right], lower[right]));
  }
}

AbsMaxPyramid::Level coarser(const AbsMaxPyramid::Level& finer, const RunContext& context) {
  AbsMaxPyramid::Level level = emptyLevel(finer.pool * kNextPool, finer.rows, finer.cols, kNextPool);
  parallelFor(context, (level.rows + kTileRows - 1) / kTileRows, [&](std::size_t tile) {
    for (std::size_t r = tile * kTileRows; r < std::min((tile + 1) * kTileRows, level.rows); ++r) {
      const float* const upper = finer.values.data() + kNextPool * r * finer.cols;
      const float* const lower = kNextPool * r + 1 < finer.rows ? upper + finer.cols : upper;
      poolPair(upper, lower, finer.cols, level.values.data() + r * level.cols);
    }
  });
  return level;
}

}  // namespace

AbsMaxPyramid::AbsMaxPyramid(std::size_t rows, std::size_t cols) : m_rows(rows), m_cols(cols) {
  if (rows > 0 && cols > 0) m_levels.push_back(emptyLevel(kFirstPool, rows, cols, kFirstPool));
}

AbsMaxPyramid::AbsMaxPyramid(MatrixView matrix, const RunContext& context) : AbsMaxPyramid(matrix.rows, matrix.cols) {
  parallelFor(context, (matrix.rows + kTileRows - 1) / kTileRows, [&](std::size_t tile) {
    const std::size_t first = tile * kTileRows;
    addRows(first, matrix.middleRows(first, std::min(kTileRows, matrix.rows - first)));
  });
  finish(context);
}

void AbsMaxPyramid::addRows(std::size_t firstRow, MatrixView values, MatrixView minus) {
  assert(firstRow % kFirstPool == 0 && values.cols == m_cols);
  if (m_levels.empty()) return;
  Level& level = m_levels.front();
  for (std::size_t r = 0; r < values.rows; r += kFirstPool) {
    simd::strongestOfFour(values.data + r * m_cols, minus.data != nullptr ? minus.data + r * m_cols : nullptr,
                          std::min(kFirstPool, values.rows - r), m_cols,
                          level.values.data() + (firstRow + r) / kFirstPool * level.cols);
  }
}

void AbsMaxPyramid::finish(const RunContext& context) {
  if (m_levels.empty()) return;
  while (m_levels.back().rows > 1 || m_levels.back().cols > 1) m_levels.push_back(coarser(m_levels.back(), context));
  m_largest = std::abs(m_levels.back().values.front());
}

}  // namespace qs
