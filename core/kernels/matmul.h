#pragma once

#include <cstddef>

namespace qs {

/// A row-major matrix in memory, possibly a block of a wider one: row r begins at data + r·stride.
template <typename T>
struct Block {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;
};

/// C = A·Bᵀ, or C += A·Bᵀ with `accumulate`. A [m, k], B [n, k], C [m, n]. One thread: tile it, so that a call takes at
/// most about 50 ms.
void multiplyTransposed(Block<const float> a, Block<const float> b, Block<float> c, bool accumulate = false);
void multiplyTransposed(Block<const double> a, Block<const double> b, Block<double> c, bool accumulate = false);

/// C = A·B, or C += A·B with `accumulate`. A [m, k], B [k, n], C [m, n]. One thread, as above.
void multiply(Block<const float> a, Block<const float> b, Block<float> c, bool accumulate = false);
void multiply(Block<const double> a, Block<const double> b, Block<double> c, bool accumulate = false);

/// C = Aᵀ·B, or C += Aᵀ·B with `accumulate`. A [k, m], B [k, n], C [m, n]. One thread, as above.
void multiplyByTransposed(Block<const float> a, Block<const float> b, Block<float> c, bool accumulate = false);
void multiplyByTransposed(Block<const double> a, Block<const double> b, Block<double> c, bool accumulate = false);

}  // namespace qs
