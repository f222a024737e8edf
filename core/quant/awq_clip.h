#pragma once

#include <span>

#include "core/base/run_context.h"
#include "core/stats/activation_stats.h"
#include "core/tensor/matrix.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

inline constexpr int kClipCandidates = 10;

/// AWQ's clip search (arXiv 2306.00978): clamps each group of each row of the scaled weights W·diag(s) [out, in]
/// to the bound max|w|·(1 − i/20), i = 0..9, that gives the least dᵀ·G·d, d the rounding error and G the Gram matrix of
/// the group's scaled inputs. Group size −1 is one group a row; not for one grid a tensor. 20·out·in·group operations.
/// Advances the progress by `progress`.
void clipScaledWeights(MatrixSpan scaled, std::span<const float> inputScale, const QuantScheme& scheme,
                       const ActivationStats& activations, const RunContext& context, double progress);

}  // namespace qs
