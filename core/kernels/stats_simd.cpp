#include "core/kernels/stats_simd.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

// One vector of every 16 values of a group, those from `part` on: range, power sums into their lanes, and (kColumns)
// the columns' ranges. Additions are not fused, so that every target gives the same sums.
template <bool kColumns>
HWY_INLINE void describePart(const float* values, std::size_t whole, std::size_t part, PowerLanes& sums, float* low,
                             float* high, ValueSpan& range) {
  const FloatTag d;
  const hn::Half<FloatTag> dHalf;
  const hn::Rebind<double, decltype(dHalf)> dd;
  const std::size_t half = hn::Lanes(dd);
  const auto lanes = [&](std::size_t power, std::size_t side) { return sums.lanes[power] + part + side * half; };
  auto a1 = hn::Load(dd, lanes(0, 0));
  auto b1 = hn::Load(dd, lanes(0, 1));
  auto a2 = hn::Load(dd, lanes(1, 0));
  auto b2 = hn::Load(dd, lanes(1, 1));
  auto a3 = hn::Load(dd, lanes(2, 0));
  auto b3 = hn::Load(dd, lanes(2, 1));
  auto a4 = hn::Load(dd, lanes(3, 0));
  auto b4 = hn::Load(dd, lanes(3, 1));
  auto least = hn::LoadU(d, values + part);
  auto most = least;
  for (std::size_t i = part; i < whole; i += kPowerLanes) {
    const auto x = hn::LoadU(d, values + i);
    least = hn::Min(least, x);
    most = hn::Max(most, x);
    if constexpr (kColumns) {
      // Both loads first: a load that follows a store at an alike address waits for it.
      const auto lower = hn::Min(hn::LoadU(d, low + i), x);
      const auto upper = hn::Max(hn::LoadU(d, high + i), x);
      hn::StoreU(lower, d, low + i);
      hn::StoreU(upper, d, high + i);
    }
    const auto a = hn::PromoteTo(dd, hn::LoadU(dHalf, values + i));
    const auto b = hn::PromoteTo(dd, hn::LoadU(dHalf, values + i + half));
    const auto aa = hn::Mul(a, a);
    const auto bb = hn::Mul(b, b);
    a1 = hn::Add(a1, a);
    b1 = hn::Add(b1, b);
    a2 = hn::Add(a2, aa);
    b2 = hn::Add(b2, bb);
    a3 = hn::Add(a3, hn::Mul(aa, a));
    b3 = hn::Add(b3, hn::Mul(bb, b));
    a4 = hn::Add(a4, hn::Mul(aa, aa));
    b4 = hn::Add(b4, hn::Mul(bb, bb));
  }
  hn::Store(a1, dd, lanes(0, 0));
  hn::Store(b1, dd, lanes(0, 1));
  hn::Store(a2, dd, lanes(1, 0));
  hn::Store(b2, dd, lanes(1, 1));
  hn::Store(a3, dd, lanes(2, 0));
  hn::Store(b3, dd, lanes(2, 1));
  hn::Store(a4, dd, lanes(3, 0));
  hn::Store(b4, dd, lanes(3, 1));
  range.low = std::min(range.low, hn::GetLane(hn::MinOfLanes(d, least)));
  range.high = std::max(range.high, hn::GetLane(hn::MaxOfLanes(d, most)));
}

template <bool kColumns>
ValueSpan describeGroup(const float* values, std::size_t count, PowerLanes& sums, float* low, float* high) {
  ValueSpan range;
  const std::size_t whole = count / kPowerLanes * kPowerLanes;
  for (std::size_t part = 0; part < kPowerLanes && whole > 0; part += hn::Lanes(FloatTag()))
    describePart<kColumns>(values, whole, part, sums, low, high, range);
  for (std::size_t i = whole; i < count; ++i) {
    const auto x = static_cast<double>(values[i]);
    sums.lanes[0][i - whole] += x;
    sums.lanes[1][i - whole] += x * x;
    sums.lanes[2][i - whole] += x * x * x;
    sums.lanes[3][i - whole] += (x * x) * (x * x);
    range = {std::min(range.low, values[i]), std::max(range.high, values[i])};
    if (kColumns) {
      low[i] = std::min(low[i], values[i]);
      high[i] = std::max(high[i], values[i]);
    }
  }
  return range;
}

void describeRowLoop(const float* values, std::size_t count, std::size_t groupLength, ValueSpan* ranges,
                     PowerLanes& sums, float* low, float* high) {
  for (std::size_t first = 0; first < count; first += groupLength) {
    const std::size_t length = std::min(groupLength, count - first);
    *ranges++ = low != nullptr ? describeGroup<true>(values + first, length, sums, low + first, high + first)
                               : describeGroup<false>(values + first, length, sums, low, high);
  }
}

// One vector of every 8 pairs of a group, those from `part` on; the squared errors also into `groupLanes`.
HWY_INLINE void comparePart(const float* reference, const float* approximation, std::size_t whole, std::size_t part,
                            PairLanes& sums, double* groupLanes) {
  const DoubleTag d;
  auto xx = hn::Load(d, sums.lanes[0] + part);
  auto yy = hn::Load(d, sums.lanes[1] + part);
  auto xy = hn::Load(d, sums.lanes[2] + part);
  auto ee = hn::Zero(d);
  auto abs = hn::Load(d, sums.lanes[4] + part);
  auto largest = hn::Load(d, sums.lanes[5] + part);
  for (std::size_t i = part; i < whole; i += kPairLanes) {
    const auto x = widen(reference + i);
    const auto y = widen(approximation + i);
    const auto e = hn::Sub(y, x);
    const auto magnitude = hn::Abs(e);
    xx = hn::Add(xx, hn::Mul(x, x));
    yy = hn::Add(yy, hn::Mul(y, y));
    xy = hn::Add(xy, hn::Mul(x, y));
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
HWY_INLINE double compareGroup(const float* reference, const float* approximation, std::size_t count, PairLanes& sums) {
  HWY_ALIGN double squares[kPairLanes] = {};
  const std::size_t whole = count / kPairLanes * kPairLanes;
  for (std::size_t part = 0; part < kPairLanes && whole > 0; part += hn::Lanes(DoubleTag()))
    comparePart(reference, approximation, whole, part, sums, squares);
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
  }
  return ((squares[0] + squares[4]) + (squares[2] + squares[6])) +
         ((squares[1] + squares[5]) + (squares[3] + squares[7]));
}

void comparePairsLoop(const float* reference, const float* approximation, std::size_t count, std::size_t groupLength,
                      PairLanes& sums, double* groupErrors) {
  for (std::size_t first = 0; first < count; first += groupLength) {
    const double squares =
        compareGroup(reference + first, approximation + first, std::min(groupLength, count - first), sums);
    if (groupErrors != nullptr) *groupErrors++ = squares;
  }
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

void columnSquaredErrorsLoop(const float* reference, const float* approximation, std::size_t rows, std::size_t cols,
                             float* sums) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t c = 0;
  for (; c + lanes <= cols; c += lanes) {
    auto sum = hn::LoadU(d, sums + c);
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t at = r * cols + c;
      const auto e = hn::Sub(hn::LoadU(d, approximation + at), hn::LoadU(d, reference + at));
      sum = hn::Add(sum, hn::Mul(e, e));
    }
    hn::StoreU(sum, d, sums + c);
  }
  for (; c < cols; ++c) {
    for (std::size_t r = 0; r < rows; ++r) {
      const float e = approximation[r * cols + c] - reference[r * cols + c];
      sums[c] += e * e;
    }
  }
}

void addWidenedLoop(const float* values, std::size_t count, double* sums) {
  const DoubleTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::Add(hn::LoadU(d, sums + i), widen(values + i)), d, sums + i);
  for (; i < count; ++i) sums[i] += static_cast<double>(values[i]);
}

void binIndicesLoop(const float* values, std::size_t count, float origin, float scale, float last,
                    std::uint32_t* bins) {
  const FloatTag d;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const auto origins = hn::Set(d, origin);
  const auto scales = hn::Set(d, scale);
  const auto lasts = hn::Set(d, last);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto position = hn::Mul(hn::Sub(hn::LoadU(d, values + i), origins), scales);
    const auto bin = hn::ConvertTo(di, hn::Min(hn::Max(position, hn::Zero(d)), lasts));
    hn::StoreU(hn::BitCast(hn::RebindToUnsigned<FloatTag>(), bin), hn::RebindToUnsigned<FloatTag>(), bins + i);
  }
  for (; i < count; ++i) bins[i] = static_cast<std::uint32_t>(std::clamp((values[i] - origin) * scale, 0.0F, last));
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

HWY_INLINE void sortPair(float* a, float* b, bool ascending) {
  const FloatTag d;
  for (std::size_t c = 0; c < kSortedColumns; c += hn::Lanes(d)) {
    const auto x = hn::LoadU(d, a + c);
    const auto y = hn::LoadU(d, b + c);
    const auto low = hn::Min(x, y);
    const auto high = hn::Max(x, y);
    hn::StoreU(ascending ? low : high, d, a + c);
    hn::StoreU(ascending ? high : low, d, b + c);
  }
}

// Bitonic sort, a column a lane.
void sortColumnsLoop(float* buffer, std::size_t rows) {
  for (std::size_t run = 2; run <= rows; run *= 2) {
    for (std::size_t gap = run / 2; gap > 0; gap /= 2) {
      for (std::size_t first = 0; first < rows; first += 2 * gap) {
        const bool ascending = (first & run) == 0;
        for (std::size_t i = first; i < first + gap; ++i)
          sortPair(buffer + i * kSortedColumns, buffer + (i + gap) * kSortedColumns, ascending);
      }
    }
  }
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(describeRowLoop);
HWY_EXPORT(comparePairsLoop);
HWY_EXPORT(poolStrongestLoop);
HWY_EXPORT(columnSquaredErrorsLoop);
HWY_EXPORT(addWidenedLoop);
HWY_EXPORT(binIndicesLoop);
HWY_EXPORT(allFiniteLoop);
HWY_EXPORT(sortColumnsLoop);

PowerSums PowerLanes::total() const {
  const auto sum = [this](std::size_t power) { return std::accumulate(lanes[power], lanes[power] + kPowerLanes, 0.0); };
  return {sum(0), sum(1), sum(2), sum(3)};
}

PairSums PairLanes::total() const {
  const auto sum = [this](std::size_t i) { return std::accumulate(lanes[i], lanes[i] + kPairLanes, 0.0); };
  return {sum(0), sum(1), sum(2), sum(3), sum(4), *std::max_element(lanes[5], lanes[5] + kPairLanes)};
}

void describeRow(const float* values, std::size_t count, std::size_t groupLength, ValueSpan* ranges, PowerLanes& sums,
                 float* low, float* high) {
  HWY_DYNAMIC_DISPATCH(describeRowLoop)(values, count, groupLength, ranges, sums, low, high);
}
void comparePairs(const float* reference, const float* approximation, std::size_t count, std::size_t groupLength,
                  PairLanes& sums, double* groupErrors) {
  HWY_DYNAMIC_DISPATCH(comparePairsLoop)(reference, approximation, count, groupLength, sums, groupErrors);
}
void poolStrongest(std::size_t pool, const float* values, const float* minus, std::size_t rows, std::size_t cols,
                   float* cells) {
  HWY_DYNAMIC_DISPATCH(poolStrongestLoop)(pool, values, minus, rows, cols, cells);
}
void columnSquaredErrors(const float* reference, const float* approximation, std::size_t rows, std::size_t cols,
                         float* sums) {
  HWY_DYNAMIC_DISPATCH(columnSquaredErrorsLoop)(reference, approximation, rows, cols, sums);
}
void addWidened(const float* values, std::size_t count, double* sums) {
  HWY_DYNAMIC_DISPATCH(addWidenedLoop)(values, count, sums);
}
void binIndices(const float* values, std::size_t count, float origin, float scale, float last, std::uint32_t* bins) {
  HWY_DYNAMIC_DISPATCH(binIndicesLoop)(values, count, origin, scale, last, bins);
}
bool allFinite(const float* values, std::size_t count) { return HWY_DYNAMIC_DISPATCH(allFiniteLoop)(values, count); }
void sortColumns(float* buffer, std::size_t rows) { HWY_DYNAMIC_DISPATCH(sortColumnsLoop)(buffer, rows); }

}  // namespace qs::simd
#endif
