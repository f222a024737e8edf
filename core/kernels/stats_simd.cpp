#include "core/kernels/stats_simd.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <type_traits>

#include "core/tensor/half.h"

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

// Values of F32, F16 or BF16 as they are stored, maybe misaligned for their type; an index counts values.
struct SingleLoader {
  const std::byte* bytes;
  [[nodiscard]] HWY_INLINE hn::Vec<FloatTag> operator()(std::size_t i) const {
    const hn::Repartition<std::uint8_t, FloatTag> d8;
    return hn::BitCast(FloatTag(), hn::LoadU(d8, reinterpret_cast<const std::uint8_t*>(bytes + i * sizeof(float))));
  }
  [[nodiscard]] float one(std::size_t i) const {
    float value = 0;
    std::memcpy(&value, bytes + i * sizeof(value), sizeof(value));
    return value;
  }
};

template <class Short>  // hwy::float16_t or hwy::bfloat16_t
struct ShortLoader {
  const std::byte* bytes;
  [[nodiscard]] HWY_INLINE hn::Vec<FloatTag> operator()(std::size_t i) const {
    const hn::Rebind<Short, FloatTag> d16;
    const hn::Repartition<std::uint8_t, decltype(d16)> d8;
    const auto* at = reinterpret_cast<const std::uint8_t*>(bytes + i * sizeof(Short));
    return hn::PromoteTo(FloatTag(), hn::BitCast(d16, hn::LoadU(d8, at)));
  }
  [[nodiscard]] float one(std::size_t i) const {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes + i * sizeof(bits), sizeof(bits));
    return std::is_same_v<Short, hwy::float16_t> ? halfToFloat(bits) : bfloat16ToFloat(bits);
  }
};

// Calls `body` with the loader of this type.
template <class Body>
HWY_INLINE void withLoader(DType type, const std::byte* bytes, const Body& body) {
  if (type == DType::F16)
    body(ShortLoader<hwy::float16_t>{bytes});
  else if (type == DType::BF16)
    body(ShortLoader<hwy::bfloat16_t>{bytes});
  else
    body(SingleLoader{bytes});
}

// Values whose power sums are kept in F32 before they are added in F64.
constexpr std::size_t kSinglesHeld = 256;
// Magnitudes whose fourth powers, and sums of them, F32 holds without loss.
constexpr float kLeastInSingle = 1e-8F;
constexpr float kMostInSingle = 1e8F;
constexpr std::size_t kParts = kPowerLanes / hn::MaxLanes(FloatTag());  // vectors that the lanes take

HWY_INLINE bool isHeld(const ValueSpan& range) {
  const float largest = std::max(-range.low, range.high);
  return largest == 0.0F || (largest >= kLeastInSingle && largest <= kMostInSingle);
}

HWY_INLINE ValueSpan joined(const ValueSpan& a, const ValueSpan& b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

HWY_INLINE void addSingles(hn::Vec<FloatTag> sums, double* lanes) {
  const hn::Half<FloatTag> dHalf;
  const hn::Rebind<double, decltype(dHalf)> dd;
  double* const upper = lanes + hn::Lanes(dd);
  hn::Store(hn::Add(hn::Load(dd, lanes), hn::PromoteTo(dd, hn::LowerHalf(dHalf, sums))), dd, lanes);
  hn::Store(hn::Add(hn::Load(dd, upper), hn::PromoteTo(dd, hn::UpperHalf(dHalf, sums))), dd, upper);
}

// Power sums that F32 still holds.
struct Singles {
  hn::Vec<FloatTag> first[kParts];
  hn::Vec<FloatTag> second[kParts];
  hn::Vec<FloatTag> third[kParts];
  hn::Vec<FloatTag> fourth[kParts];
  std::size_t values = 0;

  HWY_INLINE Singles() { clear(); }
  HWY_INLINE void clear() {
    values = 0;
    for (std::size_t p = 0; p < kParts; ++p) first[p] = second[p] = third[p] = fourth[p] = hn::Zero(FloatTag());
  }
  // Nothing is fused, so that every target gives the same sums.
  HWY_INLINE void add(std::size_t p, hn::Vec<FloatTag> x) {
    const auto square = hn::Mul(x, x);
    first[p] = hn::Add(first[p], x);
    second[p] = hn::Add(second[p], square);
    third[p] = hn::Add(third[p], hn::Mul(square, x));
    fourth[p] = hn::Add(fourth[p], hn::Mul(square, square));
  }
  HWY_INLINE void moveTo(PowerLanes& sums) {
    for (std::size_t p = 0; p < kParts; ++p) {
      const std::size_t lane = p * hn::MaxLanes(FloatTag());
      addSingles(first[p], sums.lanes[0] + lane);
      addSingles(second[p], sums.lanes[1] + lane);
      addSingles(third[p], sums.lanes[2] + lane);
      addSingles(fourth[p], sums.lanes[3] + lane);
    }
    clear();
  }
};

template <class Load>
ValueSpan describeOneByOne(const Load& load, std::size_t first, std::size_t count, PowerLanes& sums) {
  ValueSpan range;
  for (std::size_t i = 0; i < count; ++i) {
    const float value = load.one(first + i);
    const auto x = static_cast<double>(value);
    const std::size_t lane = i % kPowerLanes;
    sums.lanes[0][lane] += x;
    sums.lanes[1][lane] += x * x;
    sums.lanes[2][lane] += x * x * x;
    sums.lanes[3][lane] += (x * x) * (x * x);
    range = {std::min(range.low, value), std::max(range.high, value)};
  }
  return range;
}

// kValues values, read once and then kept in registers.
template <std::size_t kValues, class Load>
HWY_INLINE ValueSpan describeBlock(const Load& load, std::size_t at, Singles& singles, PowerLanes& sums) {
  const FloatTag d;
  constexpr std::size_t kVectors = kValues / hn::MaxLanes(FloatTag());
  hn::Vec<FloatTag> x[kVectors];
#pragma GCC unroll 32
  for (std::size_t v = 0; v < kVectors; ++v) x[v] = load(at + v * hn::Lanes(d));
  auto least = x[0];
  auto most = x[0];
#pragma GCC unroll 32
  for (std::size_t v = 1; v < kVectors; ++v) {
    least = hn::Min(least, x[v]);
    most = hn::Max(most, x[v]);
  }
  const ValueSpan range{hn::GetLane(hn::MinOfLanes(d, least)), hn::GetLane(hn::MaxOfLanes(d, most))};
  if (!isHeld(range)) return describeOneByOne(load, at, kValues, sums);
#pragma GCC unroll 32
  for (std::size_t v = 0; v < kVectors; ++v) singles.add(v % kParts, x[v]);
  singles.values += kValues;
  if (singles.values >= kSinglesHeld) singles.moveTo(sums);
  return range;
}

template <class Load>
HWY_INLINE ValueSpan describeGroup(const Load& load, std::size_t at, std::size_t end, Singles& singles,
                                   PowerLanes& sums) {
  ValueSpan range;
  for (; at + 128 <= end; at += 128) range = joined(range, describeBlock<128>(load, at, singles, sums));
  for (; at + 32 <= end; at += 32) range = joined(range, describeBlock<32>(load, at, singles, sums));
  return at < end ? joined(range, describeOneByOne(load, at, end - at, sums)) : range;
}

HWY_INLINE void askFor(const std::byte* bytes, std::size_t count) {
  constexpr std::size_t kLine = 64;
  for (std::size_t i = 0; i < count; i += kLine) hwy::Prefetch(bytes + i);
}

void describeRowLoop(DType type, const std::byte* bytes, std::size_t count, std::size_t groupLength, ValueSpan* ranges,
                     PowerLanes& sums, std::size_t bytesAhead) {
  const std::size_t valueBytes = type == DType::F32 ? 4 : 2;
  withLoader(type, bytes, [&](const auto& load) {
    Singles singles;
    for (std::size_t first = 0; first < count; first += groupLength) {
      const std::size_t length = std::min(groupLength, count - first);
      if (bytesAhead > 0) askFor(bytes + bytesAhead + first * valueBytes, length * valueBytes);
      *ranges++ = describeGroup(load, first, first + length, singles, sums);
    }
    singles.moveTo(sums);
  });
}

// kVectors vectors of columns from `c` on.
template <std::size_t kVectors, class Load>
HWY_INLINE void widenColumns(const Load& load, std::size_t c, std::size_t rows, std::size_t cols, float* low,
                             float* high) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<FloatTag> lower[kVectors];
  hn::Vec<FloatTag> upper[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) {
    lower[v] = hn::LoadU(d, low + c + v * lanes);
    upper[v] = hn::LoadU(d, high + c + v * lanes);
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const auto value = load(r * cols + c + v * lanes);
      lower[v] = hn::Min(lower[v], value);
      upper[v] = hn::Max(upper[v], value);
    }
  }
  for (std::size_t v = 0; v < kVectors; ++v) {
    hn::StoreU(lower[v], d, low + c + v * lanes);
    hn::StoreU(upper[v], d, high + c + v * lanes);
  }
}

void widenColumnRangesLoop(DType type, const std::byte* bytes, std::size_t rows, std::size_t cols, float* low,
                           float* high) {
  constexpr std::size_t kVectors = 4;
  const std::size_t lanes = hn::Lanes(FloatTag());
  withLoader(type, bytes, [&](const auto& load) {
    std::size_t c = 0;
    for (; c + kVectors * lanes <= cols; c += kVectors * lanes) widenColumns<kVectors>(load, c, rows, cols, low, high);
    for (; c + lanes <= cols; c += lanes) widenColumns<1>(load, c, rows, cols, low, high);
    for (; c < cols; ++c) {
      for (std::size_t r = 0; r < rows; ++r) {
        low[c] = std::min(low[c], load.one(r * cols + c));
        high[c] = std::max(high[c], load.one(r * cols + c));
      }
    }
  });
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
                      PairLanes& sums, double* groupErrors, std::size_t valuesAhead) {
  for (std::size_t first = 0; first < count; first += groupLength) {
    const std::size_t length = std::min(groupLength, count - first);
    if (valuesAhead > 0)
      askFor(reinterpret_cast<const std::byte*>(reference + first + valuesAhead), length * sizeof(float));
    const double squares = compareGroup(reference + first, approximation + first, length, sums);
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

// log2(kRows) stages of a bitonic merge, in registers: of kRows rows that stand `spacing` rows apart.
template <std::size_t kRows>
HWY_INLINE void mergeRows(float* first, std::size_t spacing, bool ascending) {
  const FloatTag d;
  for (std::size_t c = 0; c < kSortedColumns; c += hn::Lanes(d)) {
    hn::Vec<FloatTag> rows[kRows];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) rows[r] = hn::LoadU(d, first + r * spacing * kSortedColumns + c);
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
    for (std::size_t r = 0; r < kRows; ++r) hn::StoreU(rows[r], d, first + r * spacing * kSortedColumns + c);
  }
}

// Those stages for each of the rows' blocks of `block` rows.
template <std::size_t kRows>
void mergeBlocks(float* buffer, std::size_t rows, std::size_t block, std::size_t run) {
  const std::size_t spacing = block / kRows;
  for (std::size_t first = 0; first < rows; first += block) {
    const bool ascending = (first & run) == 0;
    for (std::size_t i = first; i < first + spacing; ++i)
      mergeRows<kRows>(buffer + i * kSortedColumns, spacing, ascending);
  }
}

// Bitonic sort, a column a lane, up to three stages at a time.
void sortColumnsLoop(float* buffer, std::size_t rows) {
  for (std::size_t run = 2; run <= rows; run *= 2) {
    std::size_t block = run;
    for (; block >= 8; block /= 8) mergeBlocks<8>(buffer, rows, block, run);
    if (block == 4) mergeBlocks<4>(buffer, rows, block, run);
    if (block == 2) mergeBlocks<2>(buffer, rows, block, run);
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

void describeRow(DType type, const std::byte* bytes, std::size_t count, std::size_t groupLength, ValueSpan* ranges,
                 PowerLanes& sums, std::size_t bytesAhead) {
  HWY_DYNAMIC_DISPATCH(describeRowLoop)(type, bytes, count, groupLength, ranges, sums, bytesAhead);
}
void widenColumnRanges(DType type, const std::byte* bytes, std::size_t rows, std::size_t cols, float* low,
                       float* high) {
  HWY_DYNAMIC_DISPATCH(widenColumnRangesLoop)(type, bytes, rows, cols, low, high);
}
void comparePairs(const float* reference, const float* approximation, std::size_t count, std::size_t groupLength,
                  PairLanes& sums, double* groupErrors, std::size_t valuesAhead) {
  HWY_DYNAMIC_DISPATCH(comparePairsLoop)
  (reference, approximation, count, groupLength, sums, groupErrors, valuesAhead);
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
