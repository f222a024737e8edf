#include "core/kernels/uniform_grid.h"

#include <array>
#include <bit>
#include <cassert>
#include <limits>
#include <numeric>

#include "core/kernels/convert.h"
#include "core/kernels/grid_simd.h"

namespace qs {

namespace {

constexpr std::size_t kRangesTogether = 64;

float steps(const QuantScheme& scheme) { return static_cast<float>((1 << scheme.bits) - 1); }

// What the largest magnitude, or the span, is divided by.
float scaleDivisor(const QuantScheme& scheme) {
  if (!scheme.symmetric) return steps(scheme);
  return scheme.range == SymmetricRange::Full ? steps(scheme) * 0.5F : static_cast<float>(scheme.maxCode());
}

simd::GridForm formOf(const QuantScheme& scheme) {
  if (scheme.realZeroPoint) return simd::GridForm::RealZero;
  return scheme.symmetric ? simd::GridForm::Symmetric : simd::GridForm::Asymmetric;
}

UnitGrid symmetricGrid(ValueRange range, const QuantScheme& scheme) {
  const float scale = std::max(-range.low, range.high) / scaleDivisor(scheme);
  if (!(scale >= kSmallestScale)) return {};
  return {.scale = roundToScaleType(scale, scheme.scaleType)};
}

// The span of huge ranges overflows though both ends are finite: halve them first.
float spanOver(ValueRange range, float divisor) {
  const float span = range.high - range.low;
  if (std::isfinite(span)) return span / divisor;
  return (range.high * 0.5F - range.low * 0.5F) / (divisor * 0.5F);
}

UnitGrid asymmetricGrid(ValueRange range, const QuantScheme& scheme) {
  const ValueRange extended{std::min(range.low, 0.0F), std::max(range.high, 0.0F)};
  float scale = spanOver(extended, steps(scheme));
  if (!(scale >= kSmallestScale)) return {};
  scale = roundToScaleType(scale, scheme.scaleType);
  // 0 − x rather than −x: a range that begins at 0 must not give the zero point −0.
  return {.scale = scale, .zero = std::clamp(std::rint((0.0F - extended.low) / scale), 0.0F, steps(scheme))};
}

// The introductory form: the range needn't hold 0, and the zero point stays a fraction.
UnitGrid realZeroGrid(ValueRange range, const QuantScheme& scheme) {
  float scale = spanOver(range, steps(scheme));
  if (!(scale >= kSmallestScale)) return {.scale = 1.0F, .zero = 0.0F - range.low};
  scale = roundToScaleType(scale, scheme.scaleType);
  return {.scale = scale, .zero = (0.0F - range.low) / scale};
}

// roundToScaleType of each scale.
void roundScales(std::span<UnitGrid> grids, ScaleType type) {
  if (type != ScaleType::F16) {
    for (UnitGrid& grid : grids) grid.scale = roundToScaleType(grid.scale, type);
    return;
  }
  std::array<float, kRangesTogether> scales{};
  std::array<std::uint16_t, kRangesTogether> halves{};
  for (std::size_t first = 0; first < grids.size(); first += kRangesTogether) {
    const auto some = grids.subspan(first, std::min(kRangesTogether, grids.size() - first));
    for (std::size_t g = 0; g < some.size(); ++g) scales[g] = some[g].scale;
    narrowToHalf(scales, halves);
    widenToFloat(DType::F16, std::as_bytes(std::span(halves)), scales);
    for (std::size_t g = 0; g < some.size(); ++g)
      some[g].scale = scales[g] > 0.0F ? scales[g] : roundToScaleType(some[g].scale, type);  // a scale is never 0
  }
}

simd::GridRule ruleOf(UnitGrid grid, const QuantScheme& scheme) {
  const CodeLimits limits = codeLimits(scheme);
  return {.scale = grid.scale, .zero = grid.zero, .low = limits.low, .high = limits.high};
}

}  // namespace

CodeLimits codeLimits(const QuantScheme& scheme) {
  return {static_cast<float>(scheme.minCode()), static_cast<float>(scheme.maxCode())};
}

ValueRange rangeOf(std::span<const float> values) {
  if (values.empty()) return {};
  ValueRange range;
  simd::minMax(values.data(), values.size(), values.size(), &range.low, &range.high);
  return {range.low + 0.0F, range.high + 0.0F};  // −0 becomes 0
}

UnitGrid gridOfRange(ValueRange range, const QuantScheme& scheme) {
  assert(scheme.number == NumberFormat::Integer);
  if (scheme.realZeroPoint) return realZeroGrid(range, scheme);
  return scheme.symmetric ? symmetricGrid(range, scheme) : asymmetricGrid(range, scheme);
}

void gridsOfRanges(std::span<const ValueRange> ranges, const QuantScheme& scheme, std::span<UnitGrid> grids) {
  assert(ranges.size() == grids.size() && scheme.number == NumberFormat::Integer);
  const std::size_t whole = ranges.size() / simd::kVirtualLanes * simd::kVirtualLanes;
  const simd::GridForm form = formOf(scheme);
  simd::gridScales(ranges.data(), whole, form, scaleDivisor(scheme), grids.data());
  if (scheme.scaleType != ScaleType::F32) roundScales(grids.first(whole), scheme.scaleType);
  if (form != simd::GridForm::Symmetric) simd::gridZeros(ranges.data(), whole, form, steps(scheme), grids.data());
  for (std::size_t i = whole; i < ranges.size(); ++i) grids[i] = gridOfRange(ranges[i], scheme);
}

std::array<UnitGrid, kShrinkCandidates> shrinkCandidates(ValueRange range, const QuantScheme& scheme) {
  std::array<ValueRange, kShrinkCandidates> ranges;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const float p = 1.0F - static_cast<float>(i) / 100.0F;
    ranges[i] = {p * range.low, p * range.high};
  }
  std::array<UnitGrid, kShrinkCandidates> grids;
  gridsOfRanges(ranges, scheme, grids);
  return grids;
}

UnitGrid findGrid(std::span<const float> values, const QuantScheme& scheme, bool shrinkRange) {
  const ValueRange range = rangeOf(values);
  if (!shrinkRange || scheme.realZeroPoint) return gridOfRange(range, scheme);
  const auto candidates = shrinkCandidates(range, scheme);
  UnitGrid best = candidates.front();
  double leastLoss = std::numeric_limits<double>::infinity();
  for (const UnitGrid grid : candidates) {
    const double loss = shrinkLossOn(values, grid, scheme, candidates.front().scale);
    if (loss < leastLoss) {
      leastLoss = loss;
      best = grid;
    }
  }
  return best;
}

void rangesOf(std::span<const float> values, std::size_t groupLength, std::span<ValueRange> ranges) {
  assert(ranges.size() == (values.size() + groupLength - 1) / groupLength);
  std::array<float, kRangesTogether> lows{};
  std::array<float, kRangesTogether> highs{};
  for (std::size_t first = 0; first < ranges.size(); first += kRangesTogether) {
    const std::size_t groups = std::min(kRangesTogether, ranges.size() - first);
    const auto some = values.subspan(first * groupLength);
    simd::minMax(some.data(), std::min(groups * groupLength, some.size()), groupLength, lows.data(), highs.data());
    for (std::size_t g = 0; g < groups; ++g) ranges[first + g] = {lows[g] + 0.0F, highs[g] + 0.0F};  // −0 becomes 0
  }
}

void quantizeGroups(std::span<const float> values, const GroupGrids& grids, const QuantScheme& scheme,
                    std::span<std::uint8_t> codes) {
  assert(values.size() == codes.size());
  const CodeLimits limits = codeLimits(scheme);
  simd::gridCodes(values.data(), values.size(), grids, limits.low, limits.high, scheme.realZeroPoint, codes.data());
}

void dequantizeGroups(std::span<const std::uint8_t> codes, const GroupGrids& grids, const QuantScheme& scheme,
                      std::span<float> values) {
  assert(values.size() == codes.size());
  simd::gridValues(codes.data(), codes.size(), scheme.symmetric, grids, values.data());
}

float shrinkLoss(float error) {
  // (|e| · |e|^(−1/5))³. The inverse fifth root: a first guess within 3.5 % from the exponent bits, then Newton's r(6 −
  // x·r⁵)/5.
  const float x = std::min(std::abs(error), 1e6F);
  if (x < 1e-6F) return 0.0F;
  const auto fifth = static_cast<std::uint32_t>(static_cast<float>(std::bit_cast<std::uint32_t>(x)) * 0.2F);
  const std::uint32_t guess = 0x4C2B0000U - fifth;
  auto r = std::bit_cast<float>(guess);
  for (int i = 0; i < 3; ++i) {
    const float r2 = r * r;
    r = r * (1.2F - 0.2F * x * (r2 * r2 * r));
  }
  const float root = x * r;
  return root * root * root;
}

double shrinkLossOn(std::span<const float> values, UnitGrid grid, const QuantScheme& scheme, float unit) {
  std::array<float, simd::kVirtualLanes> lanes{};
  simd::shrinkLosses(values.data(), values.size(), ruleOf(grid, scheme), unit, lanes.data());
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

}  // namespace qs
