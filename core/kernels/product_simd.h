#pragma once

#include <cstddef>

namespace qs::simd {

// The dispatched matrix product behind core/kernels/matmul.h. Every output is one chain of multiply-adds in the order
// of k, so that it depends neither on tiles nor on the vectors' width: AVX2 and AVX-512 give the same bits.

/// A factor [size, k]: element (i, k) stands at data[i·outer + k·inner]; one of the strides is 1.
template <typename T>
struct Factor {
  const T* data = nullptr;
  std::size_t size = 0;
  std::size_t outer = 0;
  std::size_t inner = 0;
};

/// What happens to what C holds already.
enum class Into { Replace, Add, Subtract };

/// C = ± A·Bᵀ [a.size, b.size], row-major. With `upperOnly` blocks wholly below the diagonal are left alone, and
/// outputs below the diagonal are unspecified.
void product(Factor<float> a, Factor<float> b, std::size_t depth, float* c, std::size_t stride, Into into,
             bool upperOnly);
void product(Factor<double> a, Factor<double> b, std::size_t depth, double* c, std::size_t stride, Into into,
             bool upperOnly);

}  // namespace qs::simd
