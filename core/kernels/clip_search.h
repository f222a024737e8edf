#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/kernels/uniform_grid.h"
#include "core/tensor/quant_scheme.h"

namespace qs {

namespace simd {

/// Grids to be tried on the same values, a lane each; codes are counted from the zero point.
struct ClipCandidates {
  explicit ClipCandidates(std::size_t count) : inverse(count), scale(count), low(count), high(count) {}
  std::vector<float> inverse;  ///< 1 / scale: a search may multiply by it, final codes may not
  std::vector<float> scale;
  std::vector<float> low;
  std::vector<float> high;
};

}  // namespace simd

/// The grid of p·range, p = 1, 1 − step, 1 − 2·step … (`candidates` of them), that leaves the least squared error (the
/// first of equals): clip search by weight error. Errors are summed in F32 over 1,024 values, then in F64.
[[nodiscard]] UnitGrid leastSquaresGrid(std::span<const float> values, const QuantScheme& scheme, int candidates,
                                        float step);

}  // namespace qs
