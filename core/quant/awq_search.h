#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/run_context.h"
#include "core/quant/input_metric.h"
#include "core/quant/method_info.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

// AWQ's search for the scale of the inputs, shared by the layers that read them (arXiv 2306.00978).

inline constexpr int kAwqExponents = 20;

struct AwqCandidate {
  double exponent = 0;
  std::vector<float> scale;  ///< [in]
};

/// Exponents 0, 1/20 … 19/20: s = max(m^r, 1e-4) with m = mean |x|, or with `duo` m^r / (w^(1−r) + 1e-4), normalised by
/// √(max·min). With `duo` the identity comes first (as exponent 0 is not RTN there).
[[nodiscard]] std::vector<AwqCandidate> awqCandidates(std::span<const LayerTask> tasks, const QuantScheme& scheme,
                                                      bool duo);

/// The introductory form's 100 global factors, 0.1 to 10 (as "exponent").
[[nodiscard]] std::vector<AwqCandidate> globalFactors(std::size_t inputs);

/// What rounding W·diag(s) changes: Σ over the layers of ‖X(Ŵ − W)ᵀ‖², over every `rowStride`-th output. `metric` null:
/// the weight error ‖Ŵ − W‖² alone.
[[nodiscard]] double roundingLoss(std::span<const LayerTask> tasks, std::span<const float> scale,
                                  const QuantScheme& scheme, const InputMetric* metric, std::size_t rowStride,
                                  const RunContext& context);

/// Σ over the layers of ‖X·Wᵀ‖² (‖W‖² without a metric), over every `rowStride`-th output.
[[nodiscard]] double referenceLoss(std::span<const LayerTask> tasks, const InputMetric* metric, std::size_t rowStride,
                                   const RunContext& context);

struct AwqChoice {
  std::size_t best = 0;  ///< index of the candidate
  MethodCurve curve;     ///< relative loss over the exponent
};

/// The candidate with the least loss (the first of equals). `fast`: all on every 8th output, then exactly the best
/// three and the first. Advances the progress by `progress` in all.
[[nodiscard]] AwqChoice searchScale(std::span<const LayerTask> tasks, std::span<const AwqCandidate> candidates,
                                    const QuantScheme& scheme, const InputMetric* metric, bool fast,
                                    const RunContext& context, double progress);

}  // namespace qs
