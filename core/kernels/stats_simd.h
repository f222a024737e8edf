#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/histogram_count.h"
#include "core/tensor/dtype.h"

namespace qs::simd {

// The dispatched vector kernels behind core/stats. Sums run in a fixed number of virtual lanes of F64, so that every
// target adds the same numbers in the same order.

/// Σx, Σx², Σx³, Σx⁴.
struct PowerSums {
  double first = 0;
  double second = 0;
  double third = 0;
  double fourth = 0;
};

inline constexpr std::size_t kPowerLanes = 16;
/// The same as they grow: value i of a group goes to lane i % 16.
struct PowerLanes {
  alignas(64) double lanes[4][kPowerLanes] = {};
  [[nodiscard]] PowerSums total() const;
};
/// One pass over `count` values stored as F32, F16 or BF16 (maybe misaligned): the range of each `groupLength` of them
/// (the last group may be shorter), and their powers added to `sums`: in F32 within 256 values, in F64 beyond, and in
/// F64 alone where their magnitudes are outside 1e-8…1e8. Relative error below 2e-6 of Σ|x|ᵖ. The same for every type.
/// Meanwhile asks for the memory that stands `bytesAhead` (0 = for none).
void describeRow(DType type, const std::byte* bytes, std::size_t count, std::size_t groupLength, ValueSpan* ranges,
                 PowerLanes& sums, std::size_t bytesAhead = 0);
/// low[c] and high[c] take in the values of column c of `rows` rows, stored likewise.
void widenColumnRanges(DType type, const std::byte* bytes, std::size_t rows, std::size_t cols, float* low, float* high);

/// Sums over pairs of a reference x and an approximation y, e = y − x; products in F64.
struct PairSums {
  double reference = 0;      ///< Σx²
  double approximation = 0;  ///< Σy²
  double product = 0;        ///< Σxy
  double squaredError = 0;   ///< Σe²
  double absError = 0;       ///< Σ|e|
  double maxAbsError = 0;
};

inline constexpr std::size_t kPairLanes = 8;
/// The same as they grow: pair i of a group goes to lane i % 8. In the order of PairSums.
struct PairLanes {
  alignas(64) double lanes[6][kPairLanes] = {};
  [[nodiscard]] PairSums total() const;
};
/// Adds `count` pairs to `sums`; unless null, groupErrors[g] gets the Σe² of each `groupLength` of them (the last group
/// may be shorter). Meanwhile asks for the references that stand `valuesAhead` (0 = for none).
void comparePairs(const float* reference, const float* approximation, std::size_t count, std::size_t groupLength,
                  PairLanes& sums, double* groupErrors = nullptr, std::size_t valuesAhead = 0);

/// sums[c] += Σ over the rows of (approximation − reference)², in F32, rows in order.
void columnSquaredErrors(const float* reference, const float* approximation, std::size_t rows, std::size_t cols,
                         float* sums);

/// Pools `rows` rows into cells of `pool` columns, 2 or 4 (the last may have fewer): each gets its value of largest
/// magnitude, the first of equals; with `minus` of the same shape, that of the difference.
void poolStrongest(std::size_t pool, const float* values, const float* minus, std::size_t rows, std::size_t cols,
                   float* cells);

/// sums[i] += values[i].
void addWidened(const float* values, std::size_t count, double* sums);

/// bins[i] = clamp((x − origin)·scale, 0, last), truncated.
void binIndices(const float* values, std::size_t count, float origin, float scale, float last, std::uint32_t* bins);

/// True where every value is finite.
[[nodiscard]] bool allFinite(const float* values, std::size_t count);

/// Sorts each of kSortedColumns columns of `buffer` [rows, kSortedColumns] ascending; rows is a power of two.
inline constexpr std::size_t kSortedColumns = 16;
void sortColumns(float* buffer, std::size_t rows);

}  // namespace qs::simd
