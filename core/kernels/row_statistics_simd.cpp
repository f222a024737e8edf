#include "core/kernels/row_statistics_simd.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <type_traits>

#include "core/tensor/half.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/row_statistics_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::CappedTag<float, 16>;

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
constexpr std::size_t kSinglesHeld = 512;
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

using FourTag = hn::FixedTag<float, 4>;

// The least, or the largest, of each four lanes that are a quarter of the vector's apart.
template <class D, class Choose>
HWY_INLINE hn::Vec<FourTag> foldToFour([[maybe_unused]] D d, hn::Vec<D> v, const Choose& choose) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return foldToFour(half, choose(hn::LowerHalf(half, v), hn::UpperHalf(half, v)), choose);
  }
}

// The least, or the largest, of four vectors' lanes, one after the other.
template <class Choose>
HWY_INLINE hn::Vec<FourTag> ofEach(const hn::Vec<FourTag>* four, const Choose& choose) {
  const FourTag d;
  const auto ab = choose(hn::InterleaveLower(d, four[0], four[1]), hn::InterleaveUpper(d, four[0], four[1]));
  const auto ce = choose(hn::InterleaveLower(d, four[2], four[3]), hn::InterleaveUpper(d, four[2], four[3]));
  return choose(hn::ConcatLowerLower(d, ce, ab), hn::ConcatUpperUpper(d, ce, ab));
}

constexpr std::size_t kBlock = kSinglesHeld / 4;

// Four blocks of kBlock values with one look at their ranges, which go to `ranges`: false, and nothing done, where one
// of them isn't held.
template <class Load>
HWY_INLINE bool describeBatch(const Load& load, std::size_t at, ValueSpan* ranges, PowerLanes& sums) {
  const FloatTag d;
  const FourTag d4;
  const auto least = [](auto a, auto b) HWY_ATTR { return hn::Min(a, b); };
  const auto most = [](auto a, auto b) HWY_ATTR { return hn::Max(a, b); };
  Singles singles;
  hn::Vec<FourTag> low[4];
  hn::Vec<FourTag> high[4];
  for (std::size_t block = 0; block < 4; ++block, at += kBlock) {
    auto blockLow = load(at);
    auto blockHigh = blockLow;
    singles.add(0, blockLow);
    for (std::size_t v = 1; v < kBlock / hn::MaxLanes(d); ++v) {
      const auto x = load(at + v * hn::Lanes(d));
      blockLow = least(blockLow, x);
      blockHigh = most(blockHigh, x);
      singles.add(v % kParts, x);
    }
    low[block] = foldToFour(d, blockLow, least);
    high[block] = foldToFour(d, blockHigh, most);
  }
  const auto lows = ofEach(low, least);
  const auto highs = ofEach(high, most);
  const auto largest = hn::Max(hn::Neg(lows), highs);
  const auto inRange =
      hn::And(hn::Ge(largest, hn::Set(d4, kLeastInSingle)), hn::Le(largest, hn::Set(d4, kMostInSingle)));
  if (!hn::AllTrue(d4, hn::Or(inRange, hn::Eq(largest, hn::Zero(d4))))) return false;
  HWY_ALIGN float each[2][4];
  hn::Store(lows, d4, each[0]);
  hn::Store(highs, d4, each[1]);
  for (std::size_t block = 0; block < 4; ++block) ranges[block] = {each[0][block], each[1][block]};
  singles.moveTo(sums);
  return true;
}

// The same of any values.
template <class Load>
HWY_INLINE void describeFour(const Load& load, std::size_t at, ValueSpan* ranges, Singles& singles, PowerLanes& sums) {
  if (describeBatch(load, at, ranges, sums)) return;
  for (std::size_t block = 0; block < 4; ++block)
    ranges[block] = describeBlock<kBlock>(load, at + block * kBlock, singles, sums);
}

template <class Load>
HWY_INLINE ValueSpan describeGroup(const Load& load, std::size_t at, std::size_t end, Singles& singles,
                                   PowerLanes& sums) {
  ValueSpan range;
  for (; at + kSinglesHeld <= end; at += kSinglesHeld) {
    ValueSpan four[4];
    describeFour(load, at, four, singles, sums);
    range = joined(range, joined(joined(four[0], four[1]), joined(four[2], four[3])));
  }
  for (; at + 128 <= end; at += 128) range = joined(range, describeBlock<128>(load, at, singles, sums));
  for (; at + 32 <= end; at += 32) range = joined(range, describeBlock<32>(load, at, singles, sums));
  return at < end ? joined(range, describeOneByOne(load, at, end - at, sums)) : range;
}

void describeRowLoop(DType type, const std::byte* bytes, std::size_t count, std::size_t groupLength, ValueSpan* ranges,
                     PowerLanes& sums) {
  withLoader(type, bytes, [&](const auto& load) {
    Singles singles;
    std::size_t first = 0;
    if (groupLength == kBlock)
      for (; first + kSinglesHeld <= count; first += kSinglesHeld, ranges += 4)
        describeFour(load, first, ranges, singles, sums);
    for (; first < count; first += groupLength) {
      const std::size_t length = std::min(groupLength, count - first);
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

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(describeRowLoop);
HWY_EXPORT(widenColumnRangesLoop);

PowerSums PowerLanes::total() const {
  const auto sum = [this](std::size_t power) { return std::accumulate(lanes[power], lanes[power] + kPowerLanes, 0.0); };
  return {sum(0), sum(1), sum(2), sum(3)};
}

void describeRow(DType type, const std::byte* bytes, std::size_t count, std::size_t groupLength, ValueSpan* ranges,
                 PowerLanes& sums) {
  HWY_DYNAMIC_DISPATCH(describeRowLoop)(type, bytes, count, groupLength, ranges, sums);
}
void widenColumnRanges(DType type, const std::byte* bytes, std::size_t rows, std::size_t cols, float* low,
                       float* high) {
  HWY_DYNAMIC_DISPATCH(widenColumnRangesLoop)(type, bytes, rows, cols, low, high);
}

}  // namespace qs::simd
#endif
