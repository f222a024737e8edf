#pragma once

#include <span>

#include "core/kernels/uniform_grid.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

/// The grid of p·range, p = 1, 1 − step, 1 − 2·step … (`candidates` of them), that leaves the least squared error (the
/// first of equals): clip search by weight error. Errors are summed in F32 over 1,024 values, then in F64.
[[nodiscard]] UnitGrid leastSquaresGrid(std::span<const float> values, const QuantScheme& scheme, int candidates,
                                        float step);

}  // namespace qs
