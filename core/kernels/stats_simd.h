#pragma once

#include <cstddef>
#include <cstdint>

namespace qs::simd {

// The dispatched vector kernels behind core/stats. Sums run in 8 virtual lanes of F64, so that every target whose
// vectors are narrower or equal adds the same numbers in the same order.

/// Σx, Σx², Σx³, Σx⁴.
struct PowerSums {
  double first = 0;
  double second = 0;
  double third = 0;
  double fourth = 0;
};
[[nodiscard]] PowerSums powerSums(const float* values, std::size_t count);

/// Sums over pairs of a reference x and an approximation y, e = y − x; products in F64.
struct PairSums {
  double reference = 0;      ///< Σx²
  double approximation = 0;  ///< Σy²
  double product = 0;        ///< Σxy
  double squaredError = 0;   ///< Σe²
  double absError = 0;       ///< Σ|e|
  double maxAbsError = 0;
};
[[nodiscard]] PairSums pairSums(const float* reference, const float* approximation, std::size_t count);

/// low[c] = min, high[c] = max over the rows r of data[r·cols + c] and what they hold already.
void columnRanges(const float* data, std::size_t rows, std::size_t cols, float* low, float* high);
/// sums[c] += Σ over the rows of (approximation − reference)², in F32, rows in order.
void columnSquaredErrors(const float* reference, const float* approximation, std::size_t rows, std::size_t cols,
                         float* sums);

/// bins[i] = clamp((x − origin)·scale, 0, last), truncated.
void binIndices(const float* values, std::size_t count, float origin, float scale, float last, std::uint32_t* bins);

/// True where every value is finite.
[[nodiscard]] bool allFinite(const float* values, std::size_t count);

/// Sorts each of kSortedColumns columns of `buffer` [rows, kSortedColumns] ascending; rows is a power of two.
inline constexpr std::size_t kSortedColumns = 16;
void sortColumns(float* buffer, std::size_t rows);

}  // namespace qs::simd
