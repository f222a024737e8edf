#include "core/kernels/grid_simd.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/grid_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::CappedTag<float, kVirtualLanes>;
using Floats = hn::Vec<FloatTag>;
using IntTag = hn::RebindToSigned<FloatTag>;
using ByteTag = hn::Rebind<std::uint8_t, FloatTag>;
using SignedByteTag = hn::Rebind<std::int8_t, FloatTag>;

HWY_INLINE void minMaxOf(const float* values, std::size_t count, float* low, float* high) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  auto low0 = hn::Set(d, values[0]);
  auto high0 = low0;
  auto low1 = low0;
  auto high1 = low0;
  std::size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const auto a = hn::LoadU(d, values + i);
    const auto b = hn::LoadU(d, values + i + lanes);
    low0 = hn::Min(low0, a);
    high0 = hn::Max(high0, a);
    low1 = hn::Min(low1, b);
    high1 = hn::Max(high1, b);
  }
  *low = hn::GetLane(hn::MinOfLanes(d, hn::Min(low0, low1)));
  *high = hn::GetLane(hn::MaxOfLanes(d, hn::Max(high0, high1)));
  for (; i < count; ++i) {
    *low = std::min(*low, values[i]);
    *high = std::max(*high, values[i]);
  }
}

void minMaxLoop(const float* values, std::size_t count, std::size_t groupLength, float* lows, float* highs) {
  for (std::size_t first = 0; first < count; first += groupLength)
    minMaxOf(values + first, std::min(groupLength, count - first), lows++, highs++);
}

HWY_INLINE void loadRanges(const ValueRange* ranges, GridForm form, Floats& low, Floats& high) {
  const FloatTag d;
  hn::LoadInterleaved2(d, &ranges->low, low, high);
  if (form != GridForm::Asymmetric) return;
  low = hn::Min(low, hn::Zero(d));
  high = hn::Max(high, hn::Zero(d));
}

// spanOver of uniform_grid.cpp: huge ranges are halved before they are spanned.
HWY_INLINE Floats spanOver(Floats low, Floats high, Floats divisor) {
  const FloatTag d;
  const auto half = hn::Set(d, 0.5F);
  const auto span = hn::Sub(high, low);
  const auto isFinite = hn::IsFinite(span);
  return hn::Div(hn::IfThenElse(isFinite, span, hn::Sub(hn::Mul(high, half), hn::Mul(low, half))),
                 hn::IfThenElse(isFinite, divisor, hn::Mul(divisor, half)));
}

void gridScalesLoop(const ValueRange* ranges, std::size_t count, GridForm form, float divisor, UnitGrid* grids) {
  const FloatTag d;
  const auto divisors = hn::Set(d, divisor);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    Floats low;
    Floats high;
    loadRanges(ranges + i, form, low, high);
    const auto scale =
        form == GridForm::Symmetric ? hn::Div(hn::Max(hn::Neg(low), high), divisors) : spanOver(low, high, divisors);
    const auto isUsable = hn::Ge(scale, hn::Set(d, kSmallestScale));
    hn::StoreInterleaved2(hn::IfThenElse(isUsable, scale, hn::Set(d, 1.0F)), hn::Zero(d), d, &grids[i].scale);
  }
}

void gridZerosLoop(const ValueRange* ranges, std::size_t count, GridForm form, float highest, UnitGrid* grids) {
  const FloatTag d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    Floats low;
    Floats high;
    Floats scale;
    Floats zero;
    loadRanges(ranges + i, form, low, high);
    hn::LoadInterleaved2(d, &grids[i].scale, scale, zero);
    zero = hn::Div(hn::Sub(hn::Zero(d), low), scale);
    if (form == GridForm::Asymmetric) zero = hn::Min(hn::Max(hn::Round(zero), hn::Zero(d)), hn::Set(d, highest));
    hn::StoreInterleaved2(scale, zero, d, &grids[i].scale);
  }
}

// The codes of a vector, as numbers.
template <bool kRealZero>
HWY_INLINE Floats codesOf(Floats values, Floats scale, Floats zero, Floats low, Floats high) {
  const auto steps = hn::Div(values, scale);
  const auto codes = kRealZero ? hn::Round(hn::Add(steps, zero)) : hn::Add(hn::Round(steps), zero);
  return hn::Min(hn::Max(codes, low), high);
}

HWY_INLINE void storeCodes(Floats codes, std::uint8_t* out) {
  const auto bits = hn::BitCast(hn::RebindToUnsigned<FloatTag>(), hn::Add(codes, hn::Set(FloatTag(), kIntegerBits)));
  hn::StoreU(hn::TruncateTo(ByteTag(), bits), ByteTag(), out);
}

template <bool kRealZero>
HWY_INLINE void gridCodesOf(const float* values, std::size_t count, const GridRule& rule, std::uint8_t* codes) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  const auto scale = hn::Set(d, rule.scale);
  const auto zero = hn::Set(d, rule.zero);
  const auto low = hn::Set(d, rule.low);
  const auto high = hn::Set(d, rule.high);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    storeCodes(codesOf<kRealZero>(hn::LoadU(d, values + i), scale, zero, low, high), codes + i);
  const UnitGrid grid{rule.scale, rule.zero};
  const CodeLimits limits{rule.low, rule.high};
  for (; i < count; ++i)
    codes[i] = storedCode(kRealZero ? codeOnRealZero(values[i], grid, limits) : codeOf(values[i], grid, limits));
}

void gridCodesLoop(const float* values, std::size_t count, const GroupGrids& grids, float low, float high,
                   bool realZero, std::uint8_t* codes) {
  for (std::size_t first = 0, g = 0; first < count; first += grids.length, ++g) {
    const GridRule rule{grids.scales[g], grids.zeros != nullptr ? grids.zeros[g] : 0.0F, low, high};
    const std::size_t length = std::min(grids.length, count - first);
    if (realZero)
      gridCodesOf<true>(values + first, length, rule, codes + first);
    else
      gridCodesOf<false>(values + first, length, rule, codes + first);
  }
}

HWY_INLINE void gridValuesOf(const std::uint8_t* codes, std::size_t count, bool isSigned, float scale, float zero,
                             float* values) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  const auto scales = hn::Set(d, scale);
  const auto zeros = hn::Set(d, zero);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto raw = hn::LoadU(ByteTag(), codes + i);
    const auto whole =
        isSigned ? hn::PromoteTo(IntTag(), hn::BitCast(SignedByteTag(), raw)) : hn::PromoteTo(IntTag(), raw);
    hn::StoreU(hn::Mul(hn::Sub(hn::ConvertTo(d, whole), zeros), scales), d, values + i);
  }
  for (; i < count; ++i) {
    const float code = isSigned ? static_cast<float>(static_cast<std::int8_t>(codes[i])) : static_cast<float>(codes[i]);
    values[i] = valueOf(code, {scale, zero});
  }
}

void gridValuesLoop(const std::uint8_t* codes, std::size_t count, bool isSigned, const GroupGrids& grids,
                    float* values) {
  for (std::size_t first = 0, g = 0; first < count; first += grids.length, ++g)
    gridValuesOf(codes + first, std::min(grids.length, count - first), isSigned, grids.scales[g],
                 grids.zeros != nullptr ? grids.zeros[g] : 0.0F, values + first);
}

// shrinkLoss of uniform_grid.cpp, operation by operation.
HWY_INLINE Floats lossOf(Floats error) {
  const FloatTag d;
  const hn::RebindToUnsigned<FloatTag> du;
  const auto x = hn::Min(hn::Abs(error), hn::Set(d, 1e6F));
  const auto bits = hn::BitCast(du, x);
  const auto bitsAsNumber = hn::ConvertTo(d, hn::BitCast(IntTag(), bits));
  const auto fifth = hn::BitCast(du, hn::ConvertTo(IntTag(), hn::Mul(bitsAsNumber, hn::Set(d, 0.2F))));
  auto r = hn::BitCast(d, hn::Sub(hn::Set(du, 0x4C2B0000U), fifth));
  const auto fifthOfX = hn::Mul(hn::Set(d, 0.2F), x);
  for (int i = 0; i < 3; ++i) {
    const auto r2 = hn::Mul(r, r);
    r = hn::Mul(r, hn::Sub(hn::Set(d, 1.2F), hn::Mul(fifthOfX, hn::Mul(hn::Mul(r2, r2), r))));
  }
  const auto root = hn::Mul(x, r);
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, 1e-6F)), hn::Mul(hn::Mul(root, root), root));
}

void shrinkLossesLoop(const float* values, std::size_t count, const GridRule& rule, float unit, float* sums) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  const float inverseScale = 1.0F / rule.scale;
  const float steps = rule.scale / unit;
  const auto inverse = hn::Set(d, inverseScale);
  const auto zero = hn::Set(d, rule.zero);
  const auto low = hn::Set(d, rule.low);
  const auto high = hn::Set(d, rule.high);
  const std::size_t whole = count / kVirtualLanes * kVirtualLanes;
  for (std::size_t part = 0; part < kVirtualLanes; part += lanes) {
    auto sum = hn::LoadU(d, sums + part);
    for (std::size_t i = part; i < whole; i += kVirtualLanes) {
      const auto w = hn::Mul(hn::LoadU(d, values + i), inverse);
      const auto code = hn::Min(hn::Max(hn::Add(hn::Round(w), zero), low), high);
      sum = hn::Add(sum, lossOf(hn::Mul(hn::Sub(hn::Sub(code, zero), w), hn::Set(d, steps))));
    }
    hn::StoreU(sum, d, sums + part);
  }
  for (std::size_t i = whole; i < count; ++i) {
    const float w = values[i] * inverseScale;
    const float code = std::clamp(std::rint(w) + rule.zero, rule.low, rule.high);
    sums[i - whole] += shrinkLoss((code - rule.zero - w) * steps);
  }
}

void countBordersBelowLoop(const float* values, std::size_t count, float scale, const float* borders,
                           std::size_t borderCount, std::uint8_t* counts) {
  const FloatTag d;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const auto scales = hn::Set(d, scale);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto x = hn::Div(hn::LoadU(d, values + i), scales);
    auto below = hn::Zero(di);
    for (std::size_t b = 0; b < borderCount; ++b)  // a true mask is −1
      below = hn::Sub(below, hn::VecFromMask(di, hn::RebindMask(di, hn::Gt(x, hn::Set(d, borders[b])))));
    hn::StoreU(hn::DemoteTo(ByteTag(), below), ByteTag(), counts + i);
  }
  for (; i < count; ++i) {
    const float x = values[i] / scale;
    counts[i] =
        static_cast<std::uint8_t>(std::count_if(borders, borders + borderCount, [&](float b) { return x > b; }));
  }
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(minMaxLoop);
HWY_EXPORT(gridScalesLoop);
HWY_EXPORT(gridZerosLoop);
HWY_EXPORT(gridCodesLoop);
HWY_EXPORT(gridValuesLoop);
HWY_EXPORT(shrinkLossesLoop);
HWY_EXPORT(countBordersBelowLoop);

void minMax(const float* values, std::size_t count, std::size_t groupLength, float* lows, float* highs) {
  HWY_DYNAMIC_DISPATCH(minMaxLoop)(values, count, groupLength, lows, highs);
}
void gridScales(const ValueRange* ranges, std::size_t count, GridForm form, float divisor, UnitGrid* grids) {
  HWY_DYNAMIC_DISPATCH(gridScalesLoop)(ranges, count, form, divisor, grids);
}
void gridZeros(const ValueRange* ranges, std::size_t count, GridForm form, float highest, UnitGrid* grids) {
  HWY_DYNAMIC_DISPATCH(gridZerosLoop)(ranges, count, form, highest, grids);
}
void gridCodes(const float* values, std::size_t count, const GroupGrids& grids, float low, float high, bool realZero,
               std::uint8_t* codes) {
  HWY_DYNAMIC_DISPATCH(gridCodesLoop)(values, count, grids, low, high, realZero, codes);
}
void gridValues(const std::uint8_t* codes, std::size_t count, bool isSigned, const GroupGrids& grids, float* values) {
  HWY_DYNAMIC_DISPATCH(gridValuesLoop)(codes, count, isSigned, grids, values);
}
void shrinkLosses(const float* values, std::size_t count, const GridRule& rule, float unit, float* lanes) {
  HWY_DYNAMIC_DISPATCH(shrinkLossesLoop)(values, count, rule, unit, lanes);
}
void countBordersBelow(const float* values, std::size_t count, float scale, const float* borders,
                       std::size_t borderCount, std::uint8_t* counts) {
  HWY_DYNAMIC_DISPATCH(countBordersBelowLoop)(values, count, scale, borders, borderCount, counts);
}

}  // namespace qs::simd
#endif
