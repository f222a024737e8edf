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

AbsMaxPyramid::Level emptyLevel(std::size_t pool, std::size_t rows, std::size_t cols, std::size_t by) {
  AbsMaxPyramid::Level level{.pool = pool, .rows = (rows + by - 1) / by, .cols = (cols + by - 1) / by};
  level.values.resize(level.rows * level.cols);
  return level;
}

// Pools some rows into rows of the level, from row `firstRow / by` of it on.
void poolRows(AbsMaxPyramid::Level& level, std::size_t by, std::size_t firstRow, MatrixView values, MatrixView minus) {
  for (std::size_t r = 0; r < values.rows; r += by) {
    simd::poolStrongest(by, values.data + r * values.cols,
                        minus.data != nullptr ? minus.data + r * values.cols : nullptr, std::min(by, values.rows - r),
                        values.cols, level.values.data() + (firstRow + r) / by * level.cols);
  }
}

void poolAll(AbsMaxPyramid::Level& level, std::size_t by, MatrixView matrix, const RunContext& context) {
  parallelFor(context, (matrix.rows + kTileRows - 1) / kTileRows, [&](std::size_t tile) {
    const std::size_t first = tile * kTileRows;
    poolRows(level, by, first, matrix.middleRows(first, std::min(kTileRows, matrix.rows - first)), {});
  });
}

AbsMaxPyramid::Level coarser(const AbsMaxPyramid::Level& finer, const RunContext& context) {
  AbsMaxPyramid::Level level = emptyLevel(finer.pool * kNextPool, finer.rows, finer.cols, kNextPool);
  poolAll(level, kNextPool, {finer.values.data(), finer.rows, finer.cols}, context);
  return level;
}

}  // namespace

AbsMaxPyramid::AbsMaxPyramid(std::size_t rows, std::size_t cols) : m_rows(rows), m_cols(cols) {
  if (rows > 0 && cols > 0) m_levels.push_back(emptyLevel(kFirstPool, rows, cols, kFirstPool));
}

AbsMaxPyramid::AbsMaxPyramid(MatrixView matrix, const RunContext& context) : AbsMaxPyramid(matrix.rows, matrix.cols) {
  if (!m_levels.empty()) poolAll(m_levels.front(), kFirstPool, matrix, context);
  finish(context);
}

void AbsMaxPyramid::addRows(std::size_t firstRow, MatrixView values, MatrixView minus) {
  assert(firstRow % kFirstPool == 0 && values.cols == m_cols);
  if (!m_levels.empty()) poolRows(m_levels.front(), kFirstPool, firstRow, values, minus);
}

void AbsMaxPyramid::finish(const RunContext& context) {
  if (m_levels.empty()) return;
  while (m_levels.back().rows > 1 || m_levels.back().cols > 1) m_levels.push_back(coarser(m_levels.back(), context));
  m_largest = std::abs(m_levels.back().values.front());
}

}  // namespace qs
