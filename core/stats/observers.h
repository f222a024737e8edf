#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/run_context.h"
#include "core/tensor/matrix.h"

namespace qs {

/// Ways to find the range of a layer's inputs for static 8-bit quantization (PyTorch's observers; arXiv 2004.09602).
enum class ObserverKind : std::uint8_t {
  MinMax,
  MovingAverage,
  Percentile,
  Mse,
  Histogram,  ///< PyTorch's HistogramObserver search
  Entropy,    ///< KL divergence; symmetric
};

/// The kind by its name on the command line: "min-max", "moving-average", "percentile", "mse", "histogram", "entropy".
/// The name must be one of these.
[[nodiscard]] ObserverKind observerKind(std::string_view name);

struct ObserverOptions {
  ObserverKind kind = ObserverKind::MinMax;
  bool symmetric = false;     ///< the range will be used symmetrically (entropy: always)
  double percentile = 99.99;  ///< in percent
};

/// What an observer looks at.
struct ObservedInputs {
  MatrixView sample;  ///< rows of inputs [tokens, in]
  /// (min, max) of each calibration batch, in order: for min-max and moving average, which need no sample.
  std::span<const std::pair<float, float>> batchRanges;
};

/// A range to quantize over. For symmetric use percentile, MSE and entropy give (−A, A); the others, and those of data
/// with a single value or magnitude v, which give (v, v), are as observed.
struct ObservedRange {
  float low = 0;
  float high = 0;
};

/// Finds the range; (0, 0) of no data. Costs a few passes over the sample; percentiles are exact. Throws Cancelled.
[[nodiscard]] ObservedRange observeRange(const ObservedInputs& inputs, const ObserverOptions& options,
                                         const RunContext& context);

}  // namespace qs
