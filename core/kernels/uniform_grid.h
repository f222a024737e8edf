#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "core/tensor/quant_scheme.h"

namespace qs {

// Uniform quantization of one unit (a group, a row or a matrix), exactly reproducible (arXiv 1712.05877, 2004.09602):
// F32 arithmetic, true division, round half to even. The inline functions are the plain definition; the functions over
// runs are vector kernels that give the same bits on every machine.

/// The grid of one unit: value = (code − zero) · scale. `zero` is a whole number unless the scheme's is real.
struct UnitGrid {
  float scale = 1.0F;
  float zero = 0.0F;
  bool operator==(const UnitGrid&) const = default;
};

/// Smallest and largest code as numbers.
struct CodeLimits {
  float low = 0.0F;
  float high = 0.0F;
};
[[nodiscard]] CodeLimits codeLimits(const QuantScheme& scheme);

/// Smallest and largest of some finite values.
struct ValueRange {
  float low = 0.0F;
  float high = 0.0F;
};
/// Range of the values; (0, 0) of none. −0 counts as 0.
[[nodiscard]] ValueRange rangeOf(std::span<const float> values);

/// Smaller scales aren't used: 2^−126.
inline constexpr float kSmallestScale = std::numeric_limits<float>::min();

/// The grid of a scheme for values of that range; the scale is rounded to the scheme's scale type first, and never 0.
/// Asymmetric grids extend the range to hold 0 (not those with a real zero point). Where the scale would be below
/// kSmallestScale it is 1 and the zero point 0. The scale is infinite where the scale type can't hold it: refuse it.
[[nodiscard]] UnitGrid gridOfRange(ValueRange range, const QuantScheme& scheme);

/// gridOfRange of each range, several at once.
void gridsOfRanges(std::span<const ValueRange> ranges, const QuantScheme& scheme, std::span<UnitGrid> grids);

/// gridOfRange(rangeOf(values)), or, with `shrinkRange`, the grid of p·range for the p among 1, 0.99 … 0.21 that gives
/// the least Σ|ŵ − w|^2.4 (the first of equals): the MSE-shrunk range of GPTQ's reference.
[[nodiscard]] UnitGrid findGrid(std::span<const float> values, const QuantScheme& scheme, bool shrinkRange = false);

/// The code of a value, as a number: clamp(rne(w/s) + z).
[[nodiscard]] inline float codeOf(float value, UnitGrid grid, CodeLimits limits) {
  return std::clamp(std::rint(value / grid.scale) + grid.zero, limits.low, limits.high);
}
/// The code on a grid with a real zero point: clamp(rne(w/s + z)).
[[nodiscard]] inline float codeOnRealZero(float value, UnitGrid grid, CodeLimits limits) {
  return std::clamp(std::rint(value / grid.scale + grid.zero), limits.low, limits.high);
}
/// The value that a code stands for.
[[nodiscard]] inline float valueOf(float code, UnitGrid grid) { return (code - grid.zero) * grid.scale; }
/// A value moved to the grid: valueOf(codeOf(value)).
[[nodiscard]] inline float onGrid(float value, UnitGrid grid, CodeLimits limits) {
  return valueOf(codeOf(value, grid, limits), grid);
}
/// A code as it is kept in QuantizedTensor::codes (two's complement where signed).
[[nodiscard]] inline std::uint8_t storedCode(float code) {
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(code));
}

/// The grids of groups that follow each other, `length` values each (the last may have fewer).
struct GroupGrids {
  std::size_t length = 0;
  const float* scales = nullptr;
  const float* zeros = nullptr;  ///< null: all are 0
};
/// rangeOf() each group of a row into `ranges` [groups].
void rangesOf(std::span<const float> values, std::size_t groupLength, std::span<ValueRange> ranges);
/// Codes of groups of values; both spans have the same length.
void quantizeGroups(std::span<const float> values, const GroupGrids& grids, const QuantScheme& scheme,
                    std::span<std::uint8_t> codes);
/// Values of groups of codes.
void dequantizeGroups(std::span<const std::uint8_t> codes, const GroupGrids& grids, const QuantScheme& scheme,
                      std::span<float> values);
/// The same of codes that share a grid.
inline void dequantizeRun(std::span<const std::uint8_t> codes, UnitGrid grid, const QuantScheme& scheme,
                          std::span<float> values) {
  dequantizeGroups(codes, {codes.size(), &grid.scale, &grid.zero}, scheme, values);
}

/// |error|^2.4 of an error in units of the scale, from multiplications only, so that every machine gets the same
/// number; relative error below 1e-5.
[[nodiscard]] float shrinkLoss(float error);
/// Σ shrinkLoss((ŵ − w) / unit) over values that share a grid, in F32 over 16 interleaved sums; `unit` is the scale of
/// the unshrunk range.
[[nodiscard]] double shrinkLossOn(std::span<const float> values, UnitGrid grid, const QuantScheme& scheme, float unit);
inline constexpr std::size_t kShrinkCandidates = 80;
/// What a shrunk range is chosen from: the grids of p·range, p = 1 − i/100.
[[nodiscard]] std::array<UnitGrid, kShrinkCandidates> shrinkCandidates(ValueRange range, const QuantScheme& scheme);

}  // namespace qs
