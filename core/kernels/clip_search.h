#pragma once

#include <span>

#include "core/kernels/uniform_grid.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

/// Σ(ŵ − w)² of values rounded on a grid. F32 lanes, summed in F64.
[[nodiscard]] double squaredRoundingError(std::span<const float> values, UnitGrid grid, const QuantScheme& scheme);

/// The grid of p·range, p = 1, 1 − step, 1 − 2·step … (`candidates` of them), that leaves the least squared error (the
/// first of equals): clip search by weight error.
[[nodiscard]] UnitGrid leastSquaresGrid(std::span<const float> values, const QuantScheme& scheme, int candidates,
                                        float step);

}  // namespace qs
