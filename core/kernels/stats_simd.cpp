#include "core/kernels/stats_simd.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/stats_simd.cpp"
#include <hwy/cache_control.h>
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

// Values whose power sums are kept in F32 before they are added in F64.
constexpr std::size_t kBlock = 128;
// Magnitudes whose fourth powers, and sums of them, F32 holds without loss.
constexpr float kLeastInSingle = 1e-8F;
constexpr float kMostInSingle = 1e8F;

HWY_INLINE ValueSpan rangeOfBlock(const float* values, std::size_t whole) {
  const FloatTag d;
  auto least = hn::LoadU(d, values);
  auto most = least;
  for (std::size_t i = hn::Lanes(d); i < whole; i += hn::Lanes(d)) {
    const auto x = hn::LoadU(d, values + i);
    least = hn::Min(least, x);
    most = hn::Max(most, x);
  }
  return {hn::GetLane(hn::MinOfLanes(d, least)), hn::GetLane(hn::MaxOfLanes(d, most))};
}

HWY_INLINE void addSingles(hn::Vec<FloatTag> sums, double* lanes) {
  const hn::Half<FloatTag> dHalf;
  const hn::Rebind<double, decltype(dHalf)> dd;
  double* const upper = lanes + hn::Lanes(dd);
  hn::Store(hn::Add(hn::Load(dd, lanes), hn::PromoteTo(dd, hn::LowerHalf(dHalf, sums))), dd, lanes);
  hn::Store(hn::Add(hn::Load(dd, upper), hn::PromoteTo(dd, hn::UpperHalf(dHalf, sums))), dd, upper);
}

// Nothing is fused, so that every target gives the same sums.
HWY_INLINE void addPowersInSingle(const float* values, std::size_t whole, PowerLanes& sums) {
  const FloatTag d;
  for (std::size_t part = 0; part < kPowerLanes; part += hn::Lanes(d)) {
    auto first = hn::Zero(d);
    auto second = hn::Zero(d);
    auto third = hn::Zero(d);
    auto fourth = hn::Zero(d);
    for (std::size_t i = part; i < whole; i += kPowerLanes) {
      const auto x = hn::LoadU(d, values + i);
      const auto square = hn::Mul(x, x);
      first = hn::Add(first, x);
      second = hn::Add(second, square);
      third = hn::Add(third, hn::Mul(square, x));
      fourth = hn::Add(fourth, hn::Mul(square, square));
    }
    addSingles(first, sums.lanes[0] + part);
    addSingles(second, sums.lanes[1] + part);
    addSingles(third, sums.lanes[2] + part);
    addSingles(fourth, sums.lanes[3] + part);
  }
}

HWY_INLINE void addPowers(const float* values, std::size_t count, PowerLanes& sums) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(values[i]);
    const std::size_t lane = i % kPowerLanes;
    sums.lanes[0][lane] += x;
    sums.lanes[1][lane] += x * x;
    sums.lanes[2][lane] += x * x * x;
    sums.lanes[3][lane] += (x * x) * (x * x);
  }
}

HWY_INLINE ValueSpan describeBlock(const float* values, std::size_t count, PowerLanes& sums) {
  ValueSpan range;
  const std::size_t whole = count / kPowerLanes * kPowerLanes;
  if (whole > 0) {
    range = rangeOfBlock(values, whole);
    const float largest = std::max(-range.low, range.high);
    const bool isHeld = largest == 0.0F || (largest >= kLeastInSingle && largest <= kMostInSingle);
    isHeld ? addPowersInSingle(values, whole, sums) : addPowers(values, whole, sums);
  }
  addPowers(values + whole, count - whole, sums);
  for (std::size_t i = whole; i < count; ++i) range = {std::min(range.low, values[i]), std::max(range.high, values[i])};
  return range;
}

HWY_INLINE ValueSpan describeGroup(const float* values, std::size_t count, PowerLanes& sums) {
  ValueSpan range;
  for (std::size_t first = 0; first < count; first += kBlock) {
    const ValueSpan block = describeBlock(values + first, std::min(kBlock, count - first), sums);
    range = {std::min(range.low, block.low), std::max(range.high, block.high)};
  }
  return range;
}

HWY_INLINE void askFor(const std::byte* bytes, std::size_t count) {
  constexpr std::size_t kLine = 64;
  for (std::size_t i = 0; i < count; i += kLine) hwy::Prefetch(bytes + i);
}

void describeRowLoop(const float* values, std::size_t count, std::size_t groupLength, ValueSpan* ranges,
                     PowerLanes& sums, MemoryAhead ahead) {
  for (std::size_t first = 0; first < count; first += groupLength) {
    const std::size_t length = std::min(groupLength, count - first);
    if (ahead.bytes != nullptr) askFor(ahead.bytes + first * ahead.bytesPerValue, length * ahead.bytesPerValue);
    *ranges++ = describeGroup(values + first, length, sums);
  }
}

// kVectors vectors of columns from `c` on.
template <std::size_t kVectors>
HWY_INLINE void widenColumns(const float* values, std::size_t rows, std::size_t cols, float* low, float* high) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<FloatTag> lower[kVectors];
  hn::Vec<FloatTag> upper[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) {
    lower[v] = hn::LoadU(d, low + v * lanes);
    upper[v] = hn::LoadU(d, high + v * lanes);
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const auto value = hn::LoadU(d, values + r * cols + v * lanes);
      lower[v] = hn::Min(lower[v], value);
      upper[v] = hn::Max(upper[v], value);
    }
  }
  for (std::size_t v = 0; v < kVectors; ++v) {
    hn::StoreU(lower[v], d, low + v * lanes);
    hn::StoreU(upper[v], d, high + v * lanes);
  }
}

void widenColumnRangesLoop(const float* values, std::size_t rows, std::size_t cols, float* low, float* high) {
  constexpr std::size_t kVectors = 4;
  const std::size_t lanes = hn::Lanes(FloatTag());
  std::size_t c = 0;
  for (; c + kVectors * lanes <= cols; c += kVectors * lanes)
    widenColumns<kVectors>(values + c, rows, cols, low + c, high + c);
  for (; c + lanes <= cols; c += lanes) widenColumns<1>(values + c, rows, cols, low + c, high + c);
  for (; c < cols; ++c) {
    for (std::size_t r = 0; r < rows; ++r) {
      low[c] = std::min(low[c], values[r * cols + c]);
      high[c] = std::max(high[c], values[r * cols + c]);
    }
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
HWY_EXPORT(widenColumnRangesLoop);
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
                 MemoryAhead ahead) {
  HWY_DYNAMIC_DISPATCH(describeRowLoop)(values, count, groupLength, ranges, sums, ahead);
}
void widenColumnRanges(const float* values, std::size_t rows, std::size_t cols, float* low, float* high) {
  HWY_DYNAMIC_DISPATCH(widenColumnRangesLoop)(values, rows, cols, low, high);
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
