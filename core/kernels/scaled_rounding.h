#pragma once

#include <span>

#include "core/kernels/uniform_grid.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

/// What rounding a run of weights that share a grid costs when they are scaled first: errors[i] = Q(w_i·s_i)/s_i − w_i,
/// Q on the grid gridOfRange(range of w·s). All spans have the same length. F32; the same numbers, to the bit, as
/// quantizing w·s and dequantizing in the original domain.
void scaledRoundingErrors(std::span<const float> weights, std::span<const float> inputScale, const QuantScheme& scheme,
                          std::span<float> errors);
/// The same on a given grid.
void scaledRoundingErrorsOn(std::span<const float> weights, std::span<const float> inputScale, UnitGrid grid,
                            const QuantScheme& scheme, std::span<float> errors);

/// ŵ − w of values rounded on a grid after being clamped to [−bound, bound].
void clampedRoundingErrors(std::span<const float> values, float bound, UnitGrid grid, const QuantScheme& scheme,
                           std::span<float> errors);

}  // namespace qs
