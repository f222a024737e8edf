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

// Pairs whose sums are kept in F32 before they are added in F64.
constexpr std::size_t kPairsHeld = 512;
// Sums of squares that F32 holds without loss.
constexpr float kLeastInSingle = 1e-20F;
constexpr float kMostInSingle = 1e36F;
constexpr std::size_t kSingleLanes = 2 * kPairLanes;
constexpr std::size_t kParts = kSingleLanes / hn::MaxLanes(FloatTag());  // vectors that the lanes take

HWY_INLINE void addSingles(const hn::Vec<FloatTag>* values, double* lanes) {
  HWY_ALIGN float singles[kSingleLanes];
  for (std::size_t p = 0; p < kParts; ++p) hn::Store(values[p], FloatTag(), singles + p * hn::MaxLanes(FloatTag()));
  const DoubleTag d;
  for (std::size_t i = 0; i < kPairLanes; i += hn::Lanes(d)) {
    const auto both = hn::Add(widen(singles + i), widen(singles + kPairLanes + i));
    hn::Store(hn::Add(hn::Load(d, lanes + i), both), d, lanes + i);
  }
}

// Sums of some pairs in 16 lanes: those of errors' squares, which are exact in F64, and others that F32 still holds.
// Nothing that rounds is fused, so that every target gives the same.
struct PairSingles {
  static constexpr std::size_t kHalves = 2 * kParts;  // vectors of F64 that the lanes take

  hn::Vec<FloatTag> xx[kParts];
  hn::Vec<FloatTag> yy[kParts];
  hn::Vec<FloatTag> xy[kParts];
  Doubles ee[kHalves];
  hn::Vec<FloatTag> abs[kParts];
  hn::Vec<FloatTag> largest[kParts];

  HWY_INLINE PairSingles() { clear(); }
  HWY_INLINE void clear() {
    for (std::size_t p = 0; p < kParts; ++p) xx[p] = yy[p] = xy[p] = abs[p] = largest[p] = hn::Zero(FloatTag());
    for (std::size_t h = 0; h < kHalves; ++h) ee[h] = hn::Zero(DoubleTag());
  }
  // Returns the error.
  HWY_INLINE hn::Vec<FloatTag> add(std::size_t p, hn::Vec<FloatTag> x, hn::Vec<FloatTag> y) {
    const hn::Half<FloatTag> dHalf;
    const auto e = hn::Sub(y, x);
    const auto magnitude = hn::Abs(e);
    const auto lower = hn::PromoteTo(DoubleTag(), hn::LowerHalf(dHalf, e));
    const auto upper = hn::PromoteTo(DoubleTag(), hn::UpperHalf(dHalf, e));
    xx[p] = hn::Add(xx[p], hn::Mul(x, x));
    yy[p] = hn::Add(yy[p], hn::Mul(y, y));
    xy[p] = hn::Add(xy[p], hn::Mul(x, y));
    ee[2 * p] = hn::MulAdd(lower, lower, ee[2 * p]);
    ee[2 * p + 1] = hn::MulAdd(upper, upper, ee[2 * p + 1]);
    abs[p] = hn::Add(abs[p], magnitude);
    largest[p] = hn::Max(largest[p], magnitude);
    return e;
  }
  // All but the errors' squares.
  HWY_INLINE void add(const PairSingles& other) {
    for (std::size_t p = 0; p < kParts; ++p) {
      xx[p] = hn::Add(xx[p], other.xx[p]);
      yy[p] = hn::Add(yy[p], other.yy[p]);
      xy[p] = hn::Add(xy[p], other.xy[p]);
      abs[p] = hn::Add(abs[p], other.abs[p]);
      largest[p] = hn::Max(largest[p], other.largest[p]);
    }
  }
  // Whether nothing was lost.
  [[nodiscard]] HWY_INLINE bool isHeld() const {
    auto most = hn::Max(xx[0], yy[0]);
    auto least = xx[0];
    for (std::size_t p = 1; p < kParts; ++p) {
      most = hn::Max(most, hn::Max(xx[p], yy[p]));
      least = hn::Max(least, xx[p]);
    }
    const FloatTag d;
    return hn::AllTrue(d, hn::Le(most, hn::Set(d, kMostInSingle))) &&
           !hn::AllFalse(d, hn::Ge(least, hn::Set(d, kLeastInSingle)));
  }
  // The errors' squares, in 8 lanes.
  HWY_INLINE void squaredErrors(double* lanes) const {
    const DoubleTag d;
    for (std::size_t h = 0; h < kParts; ++h) hn::Store(hn::Add(ee[h], ee[kParts + h]), d, lanes + h * hn::MaxLanes(d));
  }
  // All but the errors' squares.
  HWY_INLINE void moveTo(PairLanes& sums) {
    addSingles(xx, sums.lanes[0]);
    addSingles(yy, sums.lanes[1]);
    addSingles(xy, sums.lanes[2]);
    addSingles(abs, sums.lanes[4]);
    HWY_ALIGN float singles[kSingleLanes];
    for (std::size_t p = 0; p < kParts; ++p) hn::Store(largest[p], FloatTag(), singles + p * hn::MaxLanes(FloatTag()));
    const DoubleTag d;
    for (std::size_t i = 0; i < kSingleLanes; i += hn::Lanes(d)) {
      double* const at = sums.lanes[5] + i % kPairLanes;
      hn::Store(hn::Max(hn::Load(d, at), widen(singles + i)), d, at);
    }
    clear();
  }
};

HWY_INLINE double sumOfLanes(const double* lanes) {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// Returns their squared error.
double compareOneByOne(const float* reference, const float* approximation, std::size_t count, PairLanes& sums) {
  double squares[kPairLanes] = {};
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(reference[i]);
    const auto y = static_cast<double>(approximation[i]);
    const double e = y - x;
    const std::size_t lane = i % kPairLanes;
    sums.lanes[0][lane] += x * x;
    sums.lanes[1][lane] += y * y;
    sums.lanes[2][lane] += x * y;
    sums.lanes[3][lane] += e * e;
    sums.lanes[4][lane] += std::abs(e);
    sums.lanes[5][lane] = std::max(sums.lanes[5][lane], std::abs(e));
    squares[lane] += e * e;
  }
  return sumOfLanes(squares);
}

// The same of at most kPairsHeld pairs, whole vectors; what F32 holds goes to `held`. columns[i] += e², unless null.
template <bool kColumns>
HWY_INLINE double comparePiece(const float* reference, const float* approximation, std::size_t count, float* columns,
                               PairSingles& held, PairLanes& sums) {
  const FloatTag d;
  PairSingles own;
  for (std::size_t i = 0; i < count; i += kSingleLanes)
    for (std::size_t p = 0; p < kParts; ++p) {
      const std::size_t at = i + p * hn::MaxLanes(d);
      const auto e = own.add(p, hn::LoadU(d, reference + at), hn::LoadU(d, approximation + at));
      if constexpr (kColumns) hn::StoreU(hn::Add(hn::LoadU(d, columns + at), hn::Mul(e, e)), d, columns + at);
    }
  if (!own.isHeld()) return compareOneByOne(reference, approximation, count, sums);
  held.add(own);
  HWY_ALIGN double squares[kPairLanes];
  own.squaredErrors(squares);
  for (std::size_t i = 0; i < kPairLanes; ++i) sums.lanes[3][i] += squares[i];
  return sumOfLanes(squares);
}

template <bool kColumns>
void comparePairsOf(const float* reference, const float* approximation, std::size_t count, std::size_t groupLength,
                    PairLanes& sums, double* groupErrors, float* columns, std::span<const std::byte> ahead) {
  PairSingles held;
  std::size_t pairsHeld = 0;
  for (std::size_t first = 0; first < count; first += groupLength) {
    const std::size_t end = first + std::min(groupLength, count - first);
    askFor(ahead.data() + ahead.size() * first / count, ahead.size() * (end - first) / count);
    double squares = 0;
    std::size_t at = first;
    for (; at + kSingleLanes <= end;) {
      const std::size_t length = std::min(kPairsHeld, (end - at) / kSingleLanes * kSingleLanes);
      if (pairsHeld + length > kPairsHeld) {
        held.moveTo(sums);
        pairsHeld = 0;
      }
      float* const piece = kColumns ? columns + at : nullptr;
      squares += comparePiece<kColumns>(reference + at, approximation + at, length, piece, held, sums);
      pairsHeld += length;
      at += length;
    }
    squares += compareOneByOne(reference + at, approximation + at, end - at, sums);
    for (; kColumns && at < end; ++at) {
      const float e = approximation[at] - reference[at];
      columns[at] += e * e;
    }
    if (groupErrors != nullptr) *groupErrors++ = squares;
  }
  held.moveTo(sums);
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
