#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/kernels/uniform_grid.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

/// What rounding did to some values x, which became y.
struct RoundingErrors {
  double squaredError = 0;  ///< Σ(y − x)²
  double squares = 0;       ///< Σx²
  double product = 0;       ///< Σxy
};

/// Rounds a row to 4 bits to nearest and packs it in one pass: grid (of the scheme) and codes of each `groupLength`
/// values, a multiple of 32 that divides the row. Byte j of a group holds code j in its low nibble and code j +
/// groupLength/2 in its high one. Codes and grids are those of gridOfRange and quantizeGroups, to the bit, on every
/// machine; the sums are F32 within a group, F64 beyond. `packed` [row/2], `grids` [groups].
RoundingErrors roundAndPack(std::span<const float> row, std::size_t groupLength, const QuantScheme& scheme,
                            std::span<std::uint8_t> packed, std::span<UnitGrid> grids);

}  // namespace qs
