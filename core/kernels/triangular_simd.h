#pragma once

#include <cstddef>

namespace qs::simd {

/// Columns that one solution takes.
inline constexpr std::size_t kMostSolved = 32;

/// X := X·R⁻ᵀ in F64 for X [rows, n], n ≤ kMostSolved, and R [n, n] upper triangular, both row-major. Every output is
/// one chain of multiply-adds, so that all targets that fuse them give the same bits.
void solveRightSmall(const double* r, std::size_t rStride, std::size_t n, double* x, std::size_t rows,
                     std::size_t xStride);

}  // namespace qs::simd
