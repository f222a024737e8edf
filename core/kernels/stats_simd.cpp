#include "core/kernels/stats_simd.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/kernels/prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/stats_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using DoubleTag = hn::CappedTag<double, kPairLanes>;
using Doubles = hn::Vec<DoubleTag>;
using HalfTag = hn::Rebind<float, DoubleTag>;
using FloatTag = hn::CappedTag<float, 16>;
using IntTag = hn::RebindToSigned<FloatTag>;

HWY_INLINE Doubles widen(const float* values) { return hn::PromoteTo(DoubleTag(), hn::LoadU(HalfTag(), values)); }

// One vector of every 8 pairs of a group, those from `part` on; the squared errors also into `groupLanes`. Products of
// two F32 are exact in F64, so that fused sums are the same bits as others; those of errors needn't be.
template <bool kColumns>
HWY_INLINE void comparePart(const float* reference, const float* approximation, std::size_t whole, std::size_t part,
                            PairLanes& sums, double* groupLanes, float* columns) {
  const DoubleTag d;
  const HalfTag dHalf;
  auto xx = hn::Load(d, sums.lanes[0] + part);
  auto yy = hn::Load(d, sums.lanes[1] + part);
  auto xy = hn::Load(d, sums.lanes[2] + part);
  auto ee = hn::Zero(d);
  auto abs = hn::Load(d, sums.lanes[4] + part);
  auto largest = hn::Load(d, sums.lanes[5] + part);
  for (std::size_t i = part; i < whole; i += kPairLanes) {
    const auto single = hn::LoadU(dHalf, reference + i);
    const auto other = hn::LoadU(dHalf, approximation + i);
    if constexpr (kColumns) {
      const auto error = hn::Sub(other, single);
      hn::StoreU(hn::Add(hn::LoadU(dHalf, columns + i), hn::Mul(error, error)), dHalf, columns + i);
    }
    const auto x = hn::PromoteTo(d, single);
    const auto y = hn::PromoteTo(d, other);
    const auto e = hn::Sub(y, x);
    const auto magnitude = hn::Abs(e);
    xx = hn::MulAdd(x, x, xx);
    yy = hn::MulAdd(y, y, yy);
    xy = hn::MulAdd(x, y, xy);
    ee = hn::Add(ee, hn::Mul(e, e));
    abs = hn::Add(abs, magnitude);
    largest = hn::Max(largest, magnitude);
  }
  hn::Store(xx, d, sums.lanes[0] + part);
  hn::Store(yy, d, sums.lanes[1] + part);
  hn::Store(xy, d, sums.lanes[2] + part);
  hn::Store(ee, d, groupLanes + part);
  hn::Store(hn::Add(hn::Load(d, sums.lanes[3] + part), ee), d, sums.lanes[3] + part);
  hn::Store(abs, d, sums.lanes[4] + part);
  hn::Store(largest, d, sums.lanes[5] + part);
}

// Returns the group's squared error.
template <bool kColumns>
HWY_INLINE double compareGroup(const float* reference, const float* approximation, std::size_t count, PairLanes& sums,
                               float* columns) {
  HWY_ALIGN double squares[kPairLanes] = {};
  const std::size_t whole = count / kPairLanes * kPairLanes;
  for (std::size_t part = 0; part < kPairLanes && whole > 0; part += hn::Lanes(DoubleTag()))
    comparePart<kColumns>(reference, approximation, whole, part, sums, squares, columns);
  for (std::size_t i = whole; i < count; ++i) {
    const auto x = static_cast<double>(reference[i]);
    const auto y = static_cast<double>(approximation[i]);
    const double e = y - x;
    const std::size_t lane = i - whole;
    sums.lanes[0][lane] += x * x;
    sums.lanes[1][lane] += y * y;
    sums.lanes[2][lane] += x * y;
    sums.lanes[3][lane] += e * e;
    sums.lanes[4][lane] += std::abs(e);
    sums.lanes[5][lane] = std::max(sums.lanes[5][lane], std::abs(e));
    squares[lane] += e * e;
    if constexpr (kColumns) {
      const float error = approximation[i] - reference[i];
      columns[i] += error * error;
    }
  }
  return ((squares[0] + squares[4]) + (squares[2] + squares[6])) +
         ((squares[1] + squares[5]) + (squares[3] + squares[7]));
}

template <bool kColumns>
void comparePairsOf(const float* reference, const float* approximation, std::size_t count, std::size_t groupLength,
                    PairLanes& sums, double* groupErrors, float* columns, std::span<const std::byte> ahead) {
  for (std::size_t first = 0; first < count; first += groupLength) {
    const std::size_t length = std::min(groupLength, count - first);
    askFor(ahead.data() + ahead.size() * first / count, ahead.size() * length / count);
    const double squares = compareGroup<kColumns>(reference + first, approximation + first, length, sums,
                                                  kColumns ? columns + first : nullptr);
    if (groupErrors != nullptr) *groupErrors++ = squares;
  }
}

void comparePairsLoop(const float* reference, const float* approximation, std::size_t count, std::size_t groupLength,
                      PairLanes& sums, double* groupErrors, float* columns, std::span<const std::byte> ahead) {
  const auto compare = columns != nullptr ? comparePairsOf<true> : comparePairsOf<false>;
  compare(reference, approximation, count, groupLength, sums, groupErrors, columns, ahead);
}

HWY_INLINE float strongerOf(float a, float b) { return std::abs(b) > std::abs(a) ? b : a; }

template <class D, class V = hn::Vec<D>>
HWY_INLINE V strongerOf(D, V a, V b) {
  return hn::IfThenElse(hn::Gt(hn::Abs(b), hn::Abs(a)), b, a);
}

// The strongest of each kPool neighbours of `best`, one vector of cells.
template <std::size_t kPool>
HWY_INLINE hn::Vec<FloatTag> strongestNeighbours(const float* best) {
  const FloatTag d;
  hn::Vec<FloatTag> v0, v1;  // columns 0, kPool, 2·kPool …; 1, kPool + 1 …
  if constexpr (kPool == 2) {
    hn::LoadInterleaved2(d, best, v0, v1);
    return strongerOf(d, v0, v1);
  } else {
    hn::Vec<FloatTag> v2, v3;
    hn::LoadInterleaved4(d, best, v0, v1, v2, v3);
    return strongerOf(d, strongerOf(d, strongerOf(d, v0, v1), v2), v3);
  }
}

template <std::size_t kPool, bool kMinus>
void poolStrongestOf(const float* values, const float* minus, std::size_t rows, std::size_t cols, float* cells) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  const auto at = [&](std::size_t i) {
    const auto value = hn::LoadU(d, values + i);
    if constexpr (kMinus) return hn::Sub(value, hn::LoadU(d, minus + i));
    return value;
  };
  HWY_ALIGN float best[kPool * 16];
  std::size_t c = 0;
  for (; c + kPool * lanes <= cols; c += kPool * lanes) {
    for (std::size_t part = 0; part < kPool * lanes; part += lanes) {
      auto strongest = at(c + part);
      for (std::size_t r = 1; r < rows; ++r) strongest = strongerOf(d, strongest, at(r * cols + c + part));
      hn::Store(strongest, d, best + part);
    }
    hn::StoreU(strongestNeighbours<kPool>(best), d, cells + c / kPool);
  }
  const auto one = [&](std::size_t i) { return kMinus ? values[i] - minus[i] : values[i]; };
  for (; c < cols; c += kPool) {
    float& cell = cells[c / kPool];
    for (std::size_t i = c; i < std::min(c + kPool, cols); ++i) {
      float strongest = one(i);
      for (std::size_t r = 1; r < rows; ++r) strongest = strongerOf(strongest, one(r * cols + i));
      cell = i == c ? strongest : strongerOf(cell, strongest);
    }
  }
}

void poolStrongestLoop(std::size_t pool, const float* values, const float* minus, std::size_t rows, std::size_t cols,
                       float* cells) {
  if (minus != nullptr)
    pool == 2 ? poolStrongestOf<2, true>(values, minus, rows, cols, cells)
              : poolStrongestOf<4, true>(values, minus, rows, cols, cells);
  else
    pool == 2 ? poolStrongestOf<2, false>(values, minus, rows, cols, cells)
              : poolStrongestOf<4, false>(values, minus, rows, cols, cells);
}

void addWidenedLoop(const float* values, std::size_t count, double* sums) {
  const DoubleTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::Add(hn::LoadU(d, sums + i), widen(values + i)), d, sums + i);
  for (; i < count; ++i) sums[i] += static_cast<double>(values[i]);
}

// The whole part of 0 ≤ x < 2^22: the last bits of a float from 2^23 on count ones.
HWY_INLINE hn::Vec<hn::RebindToUnsigned<FloatTag>> wholePart(hn::Vec<FloatTag> x) {
  constexpr float kOnes = 8388608.0F;
  const hn::RebindToUnsigned<FloatTag> du;
  const auto bits = hn::BitCast(du, hn::Add(hn::Floor(x), hn::Set(FloatTag(), kOnes)));
  return hn::And(bits, hn::Set(du, (std::uint32_t{1} << 23) - 1));
}

template <typename Index>
HWY_INLINE void binIndicesOf(const float* values, std::size_t count, float origin, float scale, float last,
                             Index* bins) {
  const FloatTag d;
  const hn::Rebind<Index, FloatTag> dIndex;
  const std::size_t lanes = hn::Lanes(d);
  const auto origins = hn::Set(d, origin);
  const auto scales = hn::Set(d, scale);
  const auto lasts = hn::Set(d, last);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto position = hn::Mul(hn::Sub(hn::LoadU(d, values + i), origins), scales);
    const auto bin = wholePart(hn::Min(hn::Max(position, hn::Zero(d)), lasts));
    if constexpr (sizeof(Index) == 1)
      hn::StoreU(hn::TruncateTo(dIndex, bin), dIndex, bins + i);
    else
      hn::StoreU(bin, dIndex, bins + i);
  }
  for (; i < count; ++i) bins[i] = static_cast<Index>(std::clamp((values[i] - origin) * scale, 0.0F, last));
}

void binIndicesLoop(const float* values, std::size_t count, float origin, float scale, float last,
                    std::uint32_t* bins) {
  binIndicesOf(values, count, origin, scale, last, bins);
}
void binBytesLoop(const float* values, std::size_t count, float origin, float scale, float last, std::uint8_t* bins) {
  binIndicesOf(values, count, origin, scale, last, bins);
}

void foldPairsLoop(const std::uint32_t* pairs, std::uint32_t* sums) {
  constexpr std::size_t kBins = 256;
  const hn::RebindToUnsigned<FloatTag> d;
  const std::size_t lanes = hn::Lanes(d);
  HWY_ALIGN std::uint32_t seconds[kBins];
  std::fill_n(sums, kBins, 0U);
  for (std::size_t second = 0; second < kBins; ++second) {
    auto occur = hn::Zero(d);
    for (std::size_t first = 0; first < kBins; first += lanes) {
      const auto times = hn::LoadU(d, pairs + second * kBins + first);
      occur = hn::Add(occur, times);
      hn::StoreU(hn::Add(hn::LoadU(d, sums + first), times), d, sums + first);
    }
    seconds[second] = hn::GetLane(hn::SumOfLanes(d, occur));
  }
  for (std::size_t i = 0; i < kBins; ++i) sums[i] += seconds[i];
}

bool allFiniteLoop(const float* values, std::size_t count) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  auto probe = hn::Zero(d);  // x·0 is NaN for NaN and infinity, and a NaN stays
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) probe = hn::Add(probe, hn::Mul(hn::LoadU(d, values + i), hn::Zero(d)));
  if (!hn::AllTrue(d, hn::Eq(probe, hn::Zero(d)))) return false;
  for (; i < count; ++i)
    if (!std::isfinite(values[i])) return false;
  return true;
}

// log2(kRows) stages of a bitonic merge, in registers: of kRows rows that stand `spacing` rows apart.
template <std::size_t kRows, typename T>
HWY_INLINE void mergeRows(T* first, std::size_t spacing, bool ascending) {
  constexpr std::size_t kColumns = kSortedColumns<T>;
  const hn::CappedTag<T, kColumns> d;
  for (std::size_t c = 0; c < kColumns; c += hn::Lanes(d)) {
    hn::Vec<decltype(d)> rows[kRows];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) rows[r] = hn::LoadU(d, first + r * spacing * kColumns + c);
#pragma GCC unroll 3
    for (std::size_t gap = kRows / 2; gap > 0; gap /= 2) {
#pragma GCC unroll 8
      for (std::size_t r = 0; r < kRows; ++r) {
        if ((r & gap) != 0) continue;
        const auto low = hn::Min(rows[r], rows[r + gap]);
        const auto high = hn::Max(rows[r], rows[r + gap]);
        rows[r] = ascending ? low : high;
        rows[r + gap] = ascending ? high : low;
      }
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) hn::StoreU(rows[r], d, first + r * spacing * kColumns + c);
  }
}

// Those stages for each of the rows' blocks of `block` rows.
template <std::size_t kRows, typename T>
void mergeBlocks(T* buffer, std::size_t rows, std::size_t block, std::size_t run) {
  const std::size_t spacing = block / kRows;
  for (std::size_t first = 0; first < rows; first += block) {
    const bool ascending = (first & run) == 0;
    for (std::size_t i = first; i < first + spacing; ++i)
      mergeRows<kRows>(buffer + i * kSortedColumns<T>, spacing, ascending);
  }
}

// Bitonic sort, a column a lane, up to three stages at a time.
template <typename T>
HWY_INLINE void sortColumnsOf(T* buffer, std::size_t rows) {
  for (std::size_t run = 2; run <= rows; run *= 2) {
    std::size_t block = run;
    for (; block >= 8; block /= 8) mergeBlocks<8>(buffer, rows, block, run);
    if (block == 4) mergeBlocks<4>(buffer, rows, block, run);
    if (block == 2) mergeBlocks<2>(buffer, rows, block, run);
  }
}

void sortSingleColumns(float* buffer, std::size_t rows) { sortColumnsOf(buffer, rows); }
void sortShortColumns(std::int16_t* buffer, std::size_t rows) { sortColumnsOf(buffer, rows); }

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(comparePairsLoop);
HWY_EXPORT(poolStrongestLoop);
HWY_EXPORT(addWidenedLoop);
HWY_EXPORT(binIndicesLoop);
HWY_EXPORT(binBytesLoop);
HWY_EXPORT(foldPairsLoop);
HWY_EXPORT(allFiniteLoop);
HWY_EXPORT(sortSingleColumns);
HWY_EXPORT(sortShortColumns);

PairSums PairLanes::total() const {
  const auto sum = [this](std::size_t i) { return std::accumulate(lanes[i], lanes[i] + kPairLanes, 0.0); };
  return {sum(0), sum(1), sum(2), sum(3), sum(4), *std::max_element(lanes[5], lanes[5] + kPairLanes)};
}

void comparePairs(const float* reference, const float* approximation, std::size_t count, std::size_t groupLength,
                  PairLanes& sums, double* groupErrors, float* columnErrors, std::span<const std::byte> ahead) {
  HWY_DYNAMIC_DISPATCH(comparePairsLoop)
  (reference, approximation, count, groupLength, sums, groupErrors, columnErrors, ahead);
}
void poolStrongest(std::size_t pool, const float* values, const float* minus, std::size_t rows, std::size_t cols,
                   float* cells) {
  HWY_DYNAMIC_DISPATCH(poolStrongestLoop)(pool, values, minus, rows, cols, cells);
}
void addWidened(const float* values, std::size_t count, double* sums) {
  HWY_DYNAMIC_DISPATCH(addWidenedLoop)(values, count, sums);
}
void binIndices(const float* values, std::size_t count, float origin, float scale, float last, std::uint32_t* bins) {
  HWY_DYNAMIC_DISPATCH(binIndicesLoop)(values, count, origin, scale, last, bins);
}
void binIndices(const float* values, std::size_t count, float origin, float scale, float last, std::uint8_t* bins) {
  HWY_DYNAMIC_DISPATCH(binBytesLoop)(values, count, origin, scale, last, bins);
}
void foldPairs(const std::uint32_t* pairs, std::uint32_t* sums) { HWY_DYNAMIC_DISPATCH(foldPairsLoop)(pairs, sums); }
bool allFinite(const float* values, std::size_t count) { return HWY_DYNAMIC_DISPATCH(allFiniteLoop)(values, count); }
void sortColumns(float* buffer, std::size_t rows) { HWY_DYNAMIC_DISPATCH(sortSingleColumns)(buffer, rows); }
void sortColumns(std::int16_t* buffer, std::size_t rows) { HWY_DYNAMIC_DISPATCH(sortShortColumns)(buffer, rows); }

}  // namespace qs::simd
#endif
