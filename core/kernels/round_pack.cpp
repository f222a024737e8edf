#include "core/kernels/round_pack.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "core/kernels/grid_simd.h"
#include "core/kernels/prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/round_pack.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kLanes = 16;  // virtual
using FloatTag = hn::CappedTag<float, kLanes>;
using Floats = hn::Vec<FloatTag>;
using ByteTag = hn::Rebind<std::uint8_t, FloatTag>;

// Codes are counted from the zero point.
struct Grid {
  Floats scale;
  Floats low;
  Floats high;
};

struct Sums {
  Floats error;
  Floats square;
  Floats product;
};

// The codes of a vector, as numbers; adds what they cost.
HWY_INLINE Floats roundOne(Floats x, const Grid& grid, Sums& sums) {
  const auto code = hn::Min(hn::Max(hn::Round(hn::Div(x, grid.scale)), grid.low), grid.high);
  const auto y = hn::Mul(code, grid.scale);
  const auto error = hn::Sub(y, x);
  sums.error = hn::MulAdd(error, error, sums.error);
  sums.square = hn::MulAdd(x, x, sums.square);
  sums.product = hn::MulAdd(x, y, sums.product);
  return code;
}

HWY_INLINE void addWide(Floats sum, double* total) {
  const hn::Half<FloatTag> dHalf;
  const hn::Rebind<double, decltype(dHalf)> dd;
  const std::size_t half = hn::Lanes(dd);
  HWY_ALIGN float lanes[kLanes];
  hn::Store(sum, FloatTag(), lanes);
  hn::Store(hn::Add(hn::Load(dd, total), hn::PromoteTo(dd, hn::Load(dHalf, lanes))), dd, total);
  hn::Store(hn::Add(hn::Load(dd, total + half), hn::PromoteTo(dd, hn::LoadU(dHalf, lanes + half))), dd, total + half);
}

// Two codes make a byte. Negative ones are stored in two's complement: four bits of it are those of the code + 8, the
// highest turned round.
void roundGroup(const float* values, std::size_t half, UnitGrid unit, CodeLimits limits, std::uint8_t* packed,
                double (*totals)[kLanes]) {
  const FloatTag d;
  const Grid grid{hn::Set(d, unit.scale), hn::Set(d, limits.low - unit.zero), hn::Set(d, limits.high - unit.zero)};
  const bool isSigned = limits.low < 0;
  const auto bias = hn::Set(d, kIntegerBits + 17.0F * (isSigned ? 8.0F : unit.zero));
  const auto turned = hn::Set(ByteTag(), static_cast<std::uint8_t>(isSigned ? 0x88 : 0));
  for (std::size_t part = 0; part < kLanes; part += hn::Lanes(d)) {
    Sums sums{hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    for (std::size_t i = part; i < half; i += kLanes) {
      const auto low = roundOne(hn::LoadU(d, values + i), grid, sums);
      const auto high = roundOne(hn::LoadU(d, values + half + i), grid, sums);
      const auto both = hn::Add(hn::MulAdd(high, hn::Set(d, 16.0F), low), bias);
      const auto bytes = hn::TruncateTo(ByteTag(), hn::BitCast(hn::RebindToUnsigned<FloatTag>(), both));
      hn::StoreU(hn::Xor(bytes, turned), ByteTag(), packed + i);
    }
    addWide(sums.error, totals[0] + part);
    addWide(sums.square, totals[1] + part);
    addWide(sums.product, totals[2] + part);
  }
}

void roundGroups(const float* values, std::size_t groups, std::size_t groupLength, const UnitGrid* grids,
                 CodeLimits limits, std::uint8_t* packed, RoundingErrors& errors) {
  HWY_ALIGN double totals[3][kLanes] = {};
  for (std::size_t g = 0; g < groups; ++g) {
    const float* const group = values + g * groupLength;
    askFor(std::as_bytes(std::span(group + groups * groupLength, groupLength)).data(), groupLength * sizeof(float));
    roundGroup(group, groupLength / 2, grids[g], limits, packed + g * groupLength / 2, totals);
  }
  errors.squaredError = std::accumulate(totals[0], totals[0] + kLanes, 0.0);
  errors.squares = std::accumulate(totals[1], totals[1] + kLanes, 0.0);
  errors.product = std::accumulate(totals[2], totals[2] + kLanes, 0.0);
}

void groupRanges(const float* values, std::size_t groups, std::size_t groupLength, ValueRange* ranges) {
  const FloatTag d;
  const std::size_t n = hn::Lanes(d);
  for (std::size_t g = 0; g < groups; ++g, values += groupLength) {
    auto low = hn::LoadU(d, values);
    auto high = low;
    for (std::size_t i = n; i < groupLength; i += n) {
      const auto x = hn::LoadU(d, values + i);
      low = hn::Min(low, x);
      high = hn::Max(high, x);
    }
    // −0 becomes 0
    ranges[g] = {hn::GetLane(hn::MinOfLanes(d, low)) + 0.0F, hn::GetLane(hn::MaxOfLanes(d, high)) + 0.0F};
  }
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {
namespace simd {
HWY_EXPORT(groupRanges);
HWY_EXPORT(roundGroups);
}  // namespace simd

RoundingErrors roundAndPack(std::span<const float> row, std::size_t groupLength, const QuantScheme& scheme,
                            std::span<std::uint8_t> packed, std::span<UnitGrid> grids) {
  using namespace simd;
  assert(scheme.bits == 4 && !scheme.realZeroPoint && groupLength % 32 == 0 && row.size() % groupLength == 0);
  constexpr std::size_t kTogether = 32;
  const std::size_t groups = row.size() / groupLength;
  assert(packed.size() == row.size() / 2 && grids.size() == groups);
  ValueRange ranges[kTogether];
  RoundingErrors errors;
  for (std::size_t first = 0; first < groups; first += kTogether) {
    const std::size_t count = std::min(kTogether, groups - first);
    const float* values = row.data() + first * groupLength;
    HWY_DYNAMIC_DISPATCH(groupRanges)(values, count, groupLength, ranges);
    gridsOfRanges(std::span(ranges, count), scheme, grids.subspan(first, count));
    RoundingErrors part;
    HWY_DYNAMIC_DISPATCH(roundGroups)
    (values, count, groupLength, &grids[first], codeLimits(scheme), packed.data() + first * groupLength / 2, part);
    errors.squaredError += part.squaredError;
    errors.squares += part.squares;
    errors.product += part.product;
  }
  return errors;
}

}  // namespace qs
#endif
