#pragma once

#include <cstddef>
#include <cstdint>

#include "core/tensor/unset_vector.h"

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

/// Rows in a strip of a left factor, and in one of a right factor, on this processor.
std::size_t leftWidth();
template <typename T>
std::size_t rightWidth();
template <>
std::size_t rightWidth<float>();
template <>
std::size_t rightWidth<double>();

/// A factor laid out as products read it, for one that is multiplied more than once: in strips of a few of its rows, a
/// strip [k][width]. Element (i, k) stands at data[(i / width)·stride + k·width + i % width].
template <typename T>
struct Strips {
  const T* data = nullptr;
  std::size_t stride = 0;  ///< from one strip to the next
  std::size_t first = 0;   ///< the rows taken are first..first+size-1
  std::size_t size = 0;
};

/// Room for strips, unset: right strips must begin at multiples of a vector's bytes.
template <typename T>
class StripRoom {
 public:
  explicit StripRoom(std::size_t count) : m_values(count + kAlignment) {
    const std::size_t past = reinterpret_cast<std::uintptr_t>(m_values.data()) / sizeof(T) % kAlignment;
    m_first = m_values.data() + (kAlignment - past) % kAlignment;
  }
  StripRoom(const StripRoom&) = delete;
  StripRoom(StripRoom&&) noexcept = default;
  StripRoom& operator=(const StripRoom&) = delete;
  StripRoom& operator=(StripRoom&&) noexcept = default;
  ~StripRoom() = default;

  [[nodiscard]] T* data() { return m_first; }
  [[nodiscard]] const T* data() const { return m_first; }

 private:
  static constexpr std::size_t kAlignment = 64 / sizeof(T);
  UnsetVector<T> m_values;
  T* m_first;
};

/// Values that `rows` rows take in strips of `width`: whole strips.
constexpr std::size_t stripValues(std::size_t rows, std::size_t width, std::size_t depth) {
  return (rows + width - 1) / width * width * depth;
}

/// Lays ±`factor` [size, depth] out in strips, one right after the other; out holds stripValues(size, width, depth).
void packLeft(Factor<float> factor, std::size_t depth, bool negative, float* out);
void packLeft(Factor<double> factor, std::size_t depth, bool negative, double* out);
void packRight(Factor<float> factor, std::size_t depth, float* out);
void packRight(Factor<double> factor, std::size_t depth, double* out);

/// Where the outputs of laid out factors go: (i, j) stands at data[(j / rightWidth)·stripStride + i·rowStride +
/// j % rightWidth].
template <typename T>
struct Output {
  T* data = nullptr;
  std::size_t rowStride = 0;
  std::size_t stripStride = rightWidth<T>();
};

/// What happens to what C holds already.
enum class Into { Replace, Add, Subtract };

/// C = ± A·Bᵀ [a.size, b.size], row-major. With `upperOnly` blocks wholly below the diagonal are left alone, and
/// outputs below the diagonal are unspecified.
void product(Factor<float> a, Factor<float> b, std::size_t depth, float* c, std::size_t stride, Into into,
             bool upperOnly);
void product(Factor<double> a, Factor<double> b, std::size_t depth, double* c, std::size_t stride, Into into,
             bool upperOnly);

/// The same for factors laid out; b.first is 0. Into::Replace or Into::Add: what is subtracted is laid out as negative.
void product(Strips<float> a, Strips<float> b, std::size_t depth, Output<float> c, Into into, bool upperOnly);
void product(Strips<double> a, Strips<double> b, std::size_t depth, Output<double> c, Into into, bool upperOnly);

}  // namespace qs::simd
