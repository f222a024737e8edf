#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/tensor/matrix.h"

namespace qs {

/// All that calibrated methods need of a layer's inputs X [tokens, in]. Made by ActivationAccumulator in one streaming
/// pass.
struct ActivationStats {
  std::size_t channels = 0;  ///< in_features
  std::uint64_t tokens = 0;  ///< rows that calibrated
  std::vector<double>
      gram;  ///< XᵀX [in, in], full and symmetric; F32 products in blocks of at most 1,024 tokens, F64 sums
  std::vector<double> drift;  ///< (X° − X)ᵀX [in, in], X° what the unquantized model gives in X's place; empty without
  std::vector<float> absMax;                         ///< [in] max |x|
  std::vector<float> meanAbs;                        ///< [in] mean |x|
  std::vector<float> minimum;                        ///< [in]
  std::vector<float> maximum;                        ///< [in]
  std::vector<std::pair<float, float>> batchRanges;  ///< (min, max) of each batch of rows, in order
  Matrix sample;                                     ///< rows of X: whole when at most 4,096, else spaced evenly
  bool sampleIsWhole = true;                         ///< reports say "exact" or "sampled"
  Matrix heldOut;                                    ///< rows kept out of calibration; empty without hold-out
};

}  // namespace qs
