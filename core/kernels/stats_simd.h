#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qs::simd {

// The dispatched vector kernels behind core/stats. Sums run in a fixed number of virtual lanes of F64, so that every
// target adds the same numbers in the same order.

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
/// may be shorter), and columnErrors[i] += e² in F32. Meanwhile asks for the bytes `ahead`, which will be read soon.
void comparePairs(const float* reference, const float* approximation, std::size_t count, std::size_t groupLength,
                  PairLanes& sums, double* groupErrors = nullptr, float* columnErrors = nullptr,
                  std::span<const std::byte> ahead = {});

/// Pools `rows` rows into cells of `pool` columns, 2 or 4 (the last may have fewer): each gets its value of largest
/// magnitude, the first of equals; with `minus` of the same shape, that of the difference.
void poolStrongest(std::size_t pool, const float* values, const float* minus, std::size_t rows, std::size_t cols,
                   float* cells);

/// sums[i] += values[i].
void addWidened(const float* values, std::size_t count, double* sums);

/// bins[i] = clamp((x − origin)·scale, 0, last), truncated; last < 2^22, and below 256 for bytes.
void binIndices(const float* values, std::size_t count, float origin, float scale, float last, std::uint32_t* bins);
void binIndices(const float* values, std::size_t count, float origin, float scale, float last, std::uint8_t* bins);

/// sums[i] = how often i is the first or the second of a pair; pairs[256·second + first] says how often they occur.
void foldPairs(const std::uint32_t* pairs, std::uint32_t* sums);

/// True where every value is finite.
[[nodiscard]] bool allFinite(const float* values, std::size_t count);

/// How many columns are sorted at a time: 64 bytes of each row.
template <typename T>
inline constexpr std::size_t kSortedColumns = 64 / sizeof(T);
/// Sorts each column of `buffer` [rows, kSortedColumns] ascending; rows is a power of two.
void sortColumns(float* buffer, std::size_t rows);
void sortColumns(std::int16_t* buffer, std::size_t rows);

}  // namespace qs::simd
