#pragma once

#include <cstddef>

#include "core/base/run_context.h"
#include "core/stats/histogram.h"
#include "core/stats/observers.h"

namespace qs {

// The searches over a histogram of 2,048 bins that observers make.

inline constexpr std::size_t kObserverBins = 2048;

/// The range of least squared error of 8-bit quantization with every value at its bin's centre: shrunk in steps of 1 %,
/// both ends together, then each end alone, two rounds. Symmetric: the histogram is of |x| and only A shrinks.
[[nodiscard]] ObservedRange searchLeastSquares(const Histogram& histogram, bool symmetric, const RunContext& context);

/// PyTorch's non-linear search: quantile marks move inwards by 1e-5 while the modelled error falls.
[[nodiscard]] ObservedRange searchQuantileMarks(const Histogram& histogram, const RunContext& context);

/// A histogram of |x| over [0, max|x|]: the threshold of least KL divergence with 128 levels, and the divergence.
struct EntropyThreshold {
  double threshold = 0;
  double divergence = 0;
};
[[nodiscard]] EntropyThreshold searchEntropy(const Histogram& histogram, const RunContext& context);
/// KL(P‖Q) of clipping after `bins` bins (NVIDIA's pytorch-quantization; arXiv 2004.09602). `counts` has bin 0
/// replaced.
[[nodiscard]] double clippedDivergence(std::span<const double> counts, std::size_t bins);

}  // namespace qs
