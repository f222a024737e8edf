#pragma once

#include "core/tensor/matrix.h"

namespace qs::test {

/// What quantized weights do to a layer's outputs X·Wᵀ: computed in F64, apart from what the core measures.
struct OutputMetrics {
  double sqnrDb = 0;
  double cosine = 0;
  double maxAbsError = 0;
};

/// Of weights [out, in] and inputs [tokens, in].
[[nodiscard]] OutputMetrics outputMetrics(const Matrix& weights, const Matrix& quantized, const Matrix& inputs);

}  // namespace qs::test
