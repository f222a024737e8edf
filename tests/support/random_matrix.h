#pragma once

#include <cmath>
#include <cstdint>

#include "core/tensor/matrix.h"

namespace qs::test {

/// Reproducible bell-shaped values, a few of them large, as weights are.
inline Matrix randomMatrix(std::size_t rows, std::size_t cols, std::uint64_t seed = 1) {
  Matrix matrix(rows, cols);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  const auto uniform = [&] {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    return static_cast<double>(state >> 11U) * 0x1.0p-53;
  };
  for (float& value : matrix.values()) {
    const double bell = (uniform() + uniform() + uniform() + uniform() - 2.0) * 0.05;
    value = static_cast<float>(uniform() < 0.002 ? bell * 8.0 : bell);
  }
  return matrix;
}

}  // namespace qs::test
