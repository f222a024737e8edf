#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/uniform_grid.h"

namespace qs::simd {

// The dispatched vector kernels behind core/kernels/uniform_grid.h and dequantize.h. They give the same bits on every
// target: true division, half to even, and sums in 16 virtual lanes whatever the vectors' width.

/// Everything about a grid that codes depend on.
struct GridRule {
  float scale;
  float zero;
  float low;   ///< smallest code
  float high;  ///< largest code
};

inline constexpr std::size_t kVirtualLanes = 16;
/// A whole number below 2^22 plus this ends in the bits that it has as an integer, negative ones in two's complement.
inline constexpr float kIntegerBits = 0x1.8p23F;

enum class GridForm { Symmetric, Asymmetric, RealZero };
/// The scales of gridOfRange before they are rounded to a stored type (span or largest magnitude over `divisor`), and
/// zero points 0; whole multiples of kVirtualLanes.
void gridScales(const ValueRange* ranges, std::size_t count, GridForm form, float divisor, UnitGrid* grids);
/// The zero points of gridOfRange for the scales that the grids have; not for symmetric ones.
void gridZeros(const ValueRange* ranges, std::size_t count, GridForm form, float highest, UnitGrid* grids);

/// Smallest and largest of each `groupLength` of count > 0 values; the last group may be shorter.
void minMax(const float* values, std::size_t count, std::size_t groupLength, float* lows, float* highs);
/// clamp(rne(w/s) + z) within low..high, or clamp(rne(w/s + z)) with `realZero`; negative codes as two's complement.
void gridCodes(const float* values, std::size_t count, const GroupGrids& grids, float low, float high, bool realZero,
               std::uint8_t* codes);
/// (code − zero) · scale.
void gridValues(const std::uint8_t* codes, std::size_t count, bool isSigned, const GroupGrids& grids, float* values);
/// Adds shrinkLoss(((code − zero) − v)·(scale/unit)) of value i to lanes[i % 16], v = w·(1/scale) and the code its
/// rounding: a search may multiply by the reciprocal, final codes may not.
void shrinkLosses(const float* values, std::size_t count, const GridRule& rule, float unit, float* lanes);
/// How many of `borders` value/scale is above.
void countBordersBelow(const float* values, std::size_t count, float scale, const float* borders,
                       std::size_t borderCount, std::uint8_t* counts);

}  // namespace qs::simd
