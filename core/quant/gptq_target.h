#pragma once

#include <cstdint>
#include <span>

#include "core/base/run_context.h"
#include "core/stats/activation_stats.h"
#include "core/tensor/matrix.h"

namespace qs {

/// The weights W° [out, in] whose outputs on a layer's inputs X come nearest to the unquantized model's X°Wᵀ, W° = W +
/// W·drift·H⁻¹: the least ‖X°Wᵀ − XW°ᵀ‖² + d‖W° − W‖², H = XᵀX + d. Rounding W° instead of W is the asymmetric
/// calibration of GPTAQ (arXiv 2504.02692), its correction taken at once instead of column by column. `factor` is R of
/// H in column order `order` (as factorUpper leaves it); the statistics have their drift. Throws Cancelled.
[[nodiscard]] Matrix weightsForOriginalOutputs(MatrixView weights, const ActivationStats& activations,
                                               std::span<const double> factor, std::span<const std::uint32_t> order,
                                               const RunContext& context);

}  // namespace qs
