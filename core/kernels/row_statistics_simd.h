#pragma once

#include <cstddef>

#include "core/kernels/histogram_count.h"
#include "core/tensor/dtype.h"

namespace qs::simd {

// The dispatched vector kernels behind core/kernels/stored_rows.h and the moments of core/stats. Sums run in a fixed
// number of virtual lanes, so that every target adds the same numbers in the same order.

/// Σx, Σx², Σx³, Σx⁴.
struct PowerSums {
  double first = 0;
  double second = 0;
  double third = 0;
  double fourth = 0;
};

inline constexpr std::size_t kPowerLanes = 16;
/// The same as they grow: value i of a group goes to lane i % 16.
struct PowerLanes {
  alignas(64) double lanes[4][kPowerLanes] = {};
  [[nodiscard]] PowerSums total() const;
};
/// One pass over `count` values stored as F32, F16 or BF16 (maybe misaligned): the range of each `groupLength` of them
/// (the last group may be shorter), and their powers added to `sums`: in F32 within 512 values, in F64 beyond, and in
/// F64 alone where their magnitudes are outside 1e-8…1e8. Relative error below 2.5e-6 of Σ|x|ᵖ. The same for every
/// type.
void describeRow(DType type, const std::byte* bytes, std::size_t count, std::size_t groupLength, ValueSpan* ranges,
                 PowerLanes& sums);
/// low[c] and high[c] take in the values of column c of `rows` rows, stored likewise.
void widenColumnRanges(DType type, const std::byte* bytes, std::size_t rows, std::size_t cols, float* low, float* high);

}  // namespace qs::simd
