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

/// Correlated inputs [tokens, width]: a few directions shared by all channels, some channels much larger.
inline Matrix correlatedInputs(std::size_t tokens, std::size_t width) {
  const Matrix noise = randomMatrix(tokens, width, 11);
  const Matrix shared = randomMatrix(tokens, 3, 12);
  const Matrix mix = randomMatrix(3, width, 13);
  Matrix inputs(tokens, width);
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t c = 0; c < width; ++c) {
      float value = noise(t, c);
      for (std::size_t k = 0; k < 3; ++k) value += 20.0F * shared(t, k) * mix(k, c);
      inputs(t, c) = value * (c % 17 == 5 ? 20.0F : 1.0F);
    }
  return inputs;
}

}  // namespace qs::test
