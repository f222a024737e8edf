#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/stats/activation_stats.h"

namespace qs {

/// Inputs that are always zero: their Gram diagonal is 0.
[[nodiscard]] std::vector<std::uint32_t> deadInputs(const ActivationStats& activations);

/// The order in which GPTQ takes the columns: as they are, or by falling Gram diagonal (stable).
[[nodiscard]] std::vector<std::uint32_t> columnOrder(const ActivationStats& activations, bool byActivation);

/// H in that order, upper triangle: the Gram matrix, the diagonal's dead entries replaced by the mean of the others (by
/// 1 where all are dead), plus damping · mean(diagonal) on the diagonal. The published 2/n cancels.
[[nodiscard]] std::vector<double> dampedHessian(const ActivationStats& activations,
                                                std::span<const std::uint32_t> order, double damping,
                                                const RunContext& context);

/// What dampedHessian adds to the diagonal.
[[nodiscard]] double dampingTerm(const ActivationStats& activations, double damping);

}  // namespace qs
