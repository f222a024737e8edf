#include "core/kernels/product_simd.h"

#include <algorithm>
#include <limits>

#include "core/kernels/prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/product_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// A block of outputs that stays in registers is kRows × 2 vectors: 24 of 32 registers, or 12 of 16. Strips are as wide
// as such a block.
#undef QUANTSCOPE_PRODUCT_ROWS  // this file is compiled once a target
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3
#define QUANTSCOPE_PRODUCT_ROWS 6
#else
#define QUANTSCOPE_PRODUCT_ROWS 12
#endif
constexpr std::size_t kRows = QUANTSCOPE_PRODUCT_ROWS;
constexpr std::size_t kDepth = 256;                           // a panel of B of this depth stays in the first cache
constexpr std::size_t kBlockBytes = std::size_t{544} << 10U;  // of A, in the second
template <typename T>
constexpr std::size_t kBlockRows = kBlockBytes / (kDepth * sizeof(T)) / kRows* kRows;

template <typename T>
using Tag = hn::CappedTag<T, 64 / sizeof(T)>;
template <typename T>
HWY_INLINE std::size_t stripWidth() {
  return 2 * hn::Lanes(Tag<T>());
}

// Four rows of four F32, or two of two F64, with rows and columns exchanged.
HWY_INLINE void transposeSquare(const float* in, std::size_t stride, float* out, std::size_t outStride, float sign) {
  const hn::FixedTag<float, 4> d;
  const auto s = hn::Set(d, sign);
  const auto a = hn::Mul(hn::LoadU(d, in), s);
  const auto b = hn::Mul(hn::LoadU(d, in + stride), s);
  const auto c = hn::Mul(hn::LoadU(d, in + 2 * stride), s);
  const auto e = hn::Mul(hn::LoadU(d, in + 3 * stride), s);
  const auto abLow = hn::InterleaveLower(d, a, b);
  const auto ceLow = hn::InterleaveLower(d, c, e);
  const auto abHigh = hn::InterleaveUpper(d, a, b);
  const auto ceHigh = hn::InterleaveUpper(d, c, e);
  hn::StoreU(hn::ConcatLowerLower(d, ceLow, abLow), d, out);
  hn::StoreU(hn::ConcatUpperUpper(d, ceLow, abLow), d, out + outStride);
  hn::StoreU(hn::ConcatLowerLower(d, ceHigh, abHigh), d, out + 2 * outStride);
  hn::StoreU(hn::ConcatUpperUpper(d, ceHigh, abHigh), d, out + 3 * outStride);
}
HWY_INLINE void transposeSquare(const double* in, std::size_t stride, double* out, std::size_t outStride, double sign) {
  const hn::FixedTag<double, 2> d;
  const auto s = hn::Set(d, sign);
  const auto a = hn::Mul(hn::LoadU(d, in), s);
  const auto b = hn::Mul(hn::LoadU(d, in + stride), s);
  hn::StoreU(hn::InterleaveLower(d, a, b), d, out);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, out + outStride);
}

// out[k·width + i] = ± element (first + i, k), zero from `count` on.
template <typename T>
void packStrip(Factor<T> factor, std::size_t first, std::size_t count, std::size_t width, std::size_t from,
               std::size_t depth, T sign, T* out) {
  constexpr std::size_t kSide = 16 / sizeof(T);
  const T* in = factor.data + first * factor.outer + from * factor.inner;
  if (count < width) std::fill(out, out + width * depth, T{0});
  std::size_t i = 0;
  if (factor.inner == 1) {
    for (; i + kSide <= count; i += kSide) {
      std::size_t k = 0;
      for (; k + kSide <= depth; k += kSide)
        transposeSquare(in + i * factor.outer + k, factor.outer, out + k * width + i, width, sign);
      for (; k < depth; ++k)
        for (std::size_t j = i; j < i + kSide; ++j) out[k * width + j] = sign * in[j * factor.outer + k];
    }
    for (; i < count; ++i)
      for (std::size_t k = 0; k < depth; ++k) out[k * width + i] = sign * in[i * factor.outer + k];
    return;
  }
  const Tag<T> wide;
  if (count == stripWidth<T>() && sign == T{1}) {
    for (std::size_t k = 0; k < depth; ++k) {
      const T* row = in + k * factor.inner;
      hn::StoreU(hn::LoadU(wide, row), wide, out + k * width);
      hn::StoreU(hn::LoadU(wide, row + hn::Lanes(wide)), wide, out + k * width + hn::Lanes(wide));
    }
    return;
  }
  const hn::FixedTag<T, kSide> d;
  if (count == kRows && width == kRows && sign == T{1}) {
    constexpr std::size_t kRowsAhead = 16;
    for (std::size_t k = 0; k < depth; ++k) {
      const T* row = in + k * factor.inner;
      askFor(reinterpret_cast<const std::byte*>(row + kRowsAhead * factor.inner), kRows * sizeof(T));
      std::size_t j = 0;
#pragma GCC unroll 16
      for (; j + kSide <= kRows; j += kSide) hn::StoreU(hn::LoadU(d, row + j), d, out + k * kRows + j);
      for (; j < kRows; ++j) out[k * kRows + j] = row[j];
    }
    return;
  }
  const auto s = hn::Set(d, sign);
  for (std::size_t k = 0; k < depth; ++k) {
    const T* row = in + k * factor.inner;
    for (i = 0; i + kSide <= count; i += kSide) hn::StoreU(hn::Mul(hn::LoadU(d, row + i), s), d, out + k * width + i);
    for (; i < count; ++i) out[k * width + i] = sign * row[i];
  }
}

// Rows first..first+count-1, in strips.
template <typename T>
void pack(Factor<T> factor, std::size_t first, std::size_t count, std::size_t width, std::size_t from,
          std::size_t depth, T sign, T* out) {
  for (std::size_t i = 0; i < count; i += width)
    packStrip(factor, first + i, std::min(width, count - i), width, from, depth, sign, out + i * depth);
}

// C [R, 2 vectors] (+)= the products of a left strip and two vectors of a right one.
template <std::size_t R, typename T>
HWY_INLINE void multiplyBlock(const T* HWY_RESTRICT a, const T* HWY_RESTRICT b, std::size_t depth, T* c,
                              std::size_t stride, bool add) {
  const Tag<T> d;
  const std::size_t n = hn::Lanes(d);
  hn::Vec<decltype(d)> low[R];
  hn::Vec<decltype(d)> high[R];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < R; ++r) {
    low[r] = add ? hn::LoadU(d, c + r * stride) : hn::Zero(d);
    high[r] = add ? hn::LoadU(d, c + r * stride + n) : hn::Zero(d);
  }
  for (std::size_t k = 0; k < depth; ++k) {
    const auto left = hn::Load(d, b + k * 2 * n);
    const auto right = hn::Load(d, b + k * 2 * n + n);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < R; ++r) {
      const auto factor = hn::Set(d, a[k * kRows + r]);
      low[r] = hn::MulAdd(factor, left, low[r]);
      high[r] = hn::MulAdd(factor, right, high[r]);
    }
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < R; ++r) {
    hn::StoreU(low[r], d, c + r * stride);
    hn::StoreU(high[r], d, c + r * stride + n);
  }
}

template <typename T, std::size_t R = kRows>
HWY_INLINE void multiplyRows(std::size_t rows, const T* a, const T* b, std::size_t depth, T* c, std::size_t stride,
                             bool add) {
  if constexpr (R > 1) {
    if (rows < R) return multiplyRows<T, R - 1>(rows, a, b, depth, c, stride, add);
  }
  multiplyBlock<R>(a, b, depth, c, stride, add);
}

// A block at the edge of C goes through a square of its own.
template <typename T>
HWY_NOINLINE void multiplyEdge(std::size_t rows, std::size_t cols, const T* a, const T* b, std::size_t depth, T* c,
                               std::size_t stride, bool add) {
  HWY_ALIGN T square[kRows * 128 / sizeof(T)];
  const std::size_t width = stripWidth<T>();
  std::fill(square, square + kRows * width, T{0});
  for (std::size_t r = 0; r < rows && add; ++r) std::copy_n(c + r * stride, cols, square + r * width);
  multiplyRows(rows, a, b, depth, square, width, add);
  for (std::size_t r = 0; r < rows; ++r) std::copy_n(square + r * width, cols, c + r * stride);
}

// What a strip of C is made of: left rows first..first+rows-1 and `cols` right rows.
struct StripPart {
  std::size_t first;
  std::size_t rows;
  std::size_t cols;
  std::size_t depth;
};

constexpr auto kEveryRow = std::numeric_limits<std::ptrdiff_t>::max() / 2;

// C [rows, cols] (+)= the products of left strips and a right one. Blocks of C that begin at row diagonal + cols or
// further down are left alone. `beforeRows` is told of each block of rows.
template <typename T, class BeforeRows>
HWY_INLINE void multiplyStrip(const T* left, std::size_t leftStride, const T* right, StripPart part, T* c,
                              std::size_t stride, bool add, std::ptrdiff_t diagonal, const BeforeRows& beforeRows) {
  const std::ptrdiff_t end = diagonal + static_cast<std::ptrdiff_t>(part.cols);
  for (std::size_t i = 0; i < part.rows && static_cast<std::ptrdiff_t>(i) < end;) {
    const std::size_t row = part.first + i;
    const std::size_t height = std::min(kRows - row % kRows, part.rows - i);
    beforeRows(i, height);
    const T* a = left + row / kRows * leftStride + row % kRows;
    T* out = c + i * stride;
    // The outputs that come next: rows of a large matrix lie far apart, so that nothing else fetches them in time.
    for (std::size_t r = height; r < std::min(2 * height, part.rows - i) && add; ++r)
      askFor(reinterpret_cast<const std::byte*>(out + r * stride), part.cols * sizeof(T));
    if (part.cols < stripWidth<T>())
      multiplyEdge(height, part.cols, a, right, part.depth, out, stride, add);
    else
      multiplyRows(height, a, right, part.depth, out, stride, add);
    i += height;
  }
}

std::ptrdiff_t diagonalOf(bool upperOnly, std::size_t row, std::size_t col) {
  return upperOnly ? static_cast<std::ptrdiff_t>(col) - static_cast<std::ptrdiff_t>(row) : kEveryRow;
}

// Lays out a part of both factors at a time.
template <typename T>
class Product {
 public:
  Product(Factor<T> a, Factor<T> b, std::size_t depth, T* c, std::size_t stride, Into into, bool upperOnly)
      : m_a(a), m_b(b), m_depth(depth), m_c(c), m_stride(stride), m_into(into), m_upperOnly(upperOnly) {}

  void run() {
    if (m_depth == 0) return clear();
    const std::size_t tallest = std::min(kBlockRows<T>, m_a.size);
    const std::size_t deepest = std::min(kDepth, m_depth);
    UnsetVector<T> rows(stripValues(tallest, kRows, deepest));
    StripRoom<T> strip(m_width * deepest);
    for (std::size_t from = 0; from < m_depth; from += kDepth) {
      const std::size_t depth = std::min(kDepth, m_depth - from);
      const bool add = from > 0 || m_into != Into::Replace;
      for (std::size_t row = 0; row < m_a.size; row += kBlockRows<T>) {
        const std::size_t count = std::min(kBlockRows<T>, m_a.size - row);
        pack(m_a, row, count, kRows, from, depth, m_into == Into::Subtract ? T{-1} : T{1}, rows.data());
        for (std::size_t col = 0; col < m_b.size; col += m_width) {
          const std::size_t width = std::min(m_width, m_b.size - col);
          if (m_upperOnly && row >= col + width) continue;
          pack(m_b, col, width, m_width, from, depth, T{1}, strip.data());
          multiplyStrip(rows.data(), kRows * depth, strip.data(), {0, count, width, depth}, m_c + row * m_stride + col,
                        m_stride, add, diagonalOf(m_upperOnly, row, col), [&](std::size_t i, std::size_t height) {
                          askForStrip(col + width, from, depth, i, height, count);
                        });
        }
      }
    }
  }

 private:
  // A part of the strip of B that comes next: as large as that of `height` of `count` rows, from `row` on.
  HWY_INLINE void askForStrip(std::size_t col, std::size_t from, std::size_t depth, std::size_t row, std::size_t height,
                              std::size_t count) const {
    if (col + m_width > m_b.size) return;
    const bool byRows = m_b.inner == 1;
    const std::size_t lines = byRows ? m_width : depth;
    const std::size_t length = byRows ? depth : m_width;
    const std::size_t step = byRows ? m_b.outer : m_b.inner;
    const T* first = m_b.data + col * m_b.outer + from * m_b.inner;
    const std::size_t last = (row + height) * lines / count;
    for (std::size_t i = row * lines / count; i < last; ++i)
      askFor(reinterpret_cast<const std::byte*>(first + i * step), length * sizeof(T));
  }

  // An empty sum.
  void clear() const {
    for (std::size_t r = 0; r < m_a.size && m_into == Into::Replace; ++r)
      std::fill_n(m_c + r * m_stride, m_b.size, T{0});
  }

  Factor<T> m_a;
  Factor<T> m_b;
  std::size_t m_depth;
  T* m_c;
  std::size_t m_stride;
  Into m_into;
  bool m_upperOnly;
  std::size_t m_width = stripWidth<T>();
};

template <typename T>
void multiplyLaidOut(Strips<T> a, Strips<T> b, std::size_t depth, Output<T> c, Into into, bool upperOnly) {
  const std::size_t width = stripWidth<T>();
  for (std::size_t from = 0; from < depth; from += kDepth) {
    const std::size_t deep = std::min(kDepth, depth - from);
    for (std::size_t row = 0; row < a.size;) {
      const std::size_t count = std::min(kBlockRows<T> - (a.first + row) % kRows, a.size - row);
      for (std::size_t col = 0; col < b.size; col += width) {
        const std::size_t strip = col / width;
        multiplyStrip(a.data + from * kRows, a.stride, b.data + strip * b.stride + from * width,
                      {a.first + row, count, std::min(width, b.size - col), deep},
                      c.data + strip * c.stripStride + row * c.rowStride, c.rowStride, from > 0 || into == Into::Add,
                      diagonalOf(upperOnly, row, col), [](std::size_t, std::size_t) {});
      }
      row += count;
    }
  }
}

void productF32(Factor<float> a, Factor<float> b, std::size_t depth, float* c, std::size_t stride, Into into,
                bool upperOnly) {
  Product<float>(a, b, depth, c, stride, into, upperOnly).run();
}
void productF64(Factor<double> a, Factor<double> b, std::size_t depth, double* c, std::size_t stride, Into into,
                bool upperOnly) {
  Product<double>(a, b, depth, c, stride, into, upperOnly).run();
}

std::size_t leftStripWidth() { return kRows; }
std::size_t rightStripWidthF32() { return stripWidth<float>(); }
std::size_t rightStripWidthF64() { return stripWidth<double>(); }

void packLeftF32(Factor<float> factor, std::size_t depth, float sign, float* out) {
  pack(factor, 0, factor.size, kRows, 0, depth, sign, out);
}
void packLeftF64(Factor<double> factor, std::size_t depth, double sign, double* out) {
  pack(factor, 0, factor.size, kRows, 0, depth, sign, out);
}
void packRightF32(Factor<float> factor, std::size_t depth, float* out) {
  pack(factor, 0, factor.size, stripWidth<float>(), 0, depth, 1.0F, out);
}
void packRightF64(Factor<double> factor, std::size_t depth, double* out) {
  pack(factor, 0, factor.size, stripWidth<double>(), 0, depth, 1.0, out);
}

void multiplyLaidOutF32(Strips<float> a, Strips<float> b, std::size_t depth, Output<float> c, Into into,
                        bool upperOnly) {
  multiplyLaidOut(a, b, depth, c, into, upperOnly);
}
void multiplyLaidOutF64(Strips<double> a, Strips<double> b, std::size_t depth, Output<double> c, Into into,
                        bool upperOnly) {
  multiplyLaidOut(a, b, depth, c, into, upperOnly);
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(productF32);
HWY_EXPORT(productF64);
HWY_EXPORT(leftStripWidth);
HWY_EXPORT(rightStripWidthF32);
HWY_EXPORT(rightStripWidthF64);
HWY_EXPORT(packLeftF32);
HWY_EXPORT(packLeftF64);
HWY_EXPORT(packRightF32);
HWY_EXPORT(packRightF64);
HWY_EXPORT(multiplyLaidOutF32);
HWY_EXPORT(multiplyLaidOutF64);

void product(Factor<float> a, Factor<float> b, std::size_t depth, float* c, std::size_t stride, Into into,
             bool upperOnly) {
  HWY_DYNAMIC_DISPATCH(productF32)(a, b, depth, c, stride, into, upperOnly);
}
void product(Factor<double> a, Factor<double> b, std::size_t depth, double* c, std::size_t stride, Into into,
             bool upperOnly) {
  HWY_DYNAMIC_DISPATCH(productF64)(a, b, depth, c, stride, into, upperOnly);
}

std::size_t leftWidth() { return HWY_DYNAMIC_DISPATCH(leftStripWidth)(); }
template <>
std::size_t rightWidth<float>() {
  return HWY_DYNAMIC_DISPATCH(rightStripWidthF32)();
}
template <>
std::size_t rightWidth<double>() {
  return HWY_DYNAMIC_DISPATCH(rightStripWidthF64)();
}

void packLeft(Factor<float> factor, std::size_t depth, bool negative, float* out) {
  HWY_DYNAMIC_DISPATCH(packLeftF32)(factor, depth, negative ? -1.0F : 1.0F, out);
}
void packLeft(Factor<double> factor, std::size_t depth, bool negative, double* out) {
  HWY_DYNAMIC_DISPATCH(packLeftF64)(factor, depth, negative ? -1.0 : 1.0, out);
}
void packRight(Factor<float> factor, std::size_t depth, float* out) {
  HWY_DYNAMIC_DISPATCH(packRightF32)(factor, depth, out);
}
void packRight(Factor<double> factor, std::size_t depth, double* out) {
  HWY_DYNAMIC_DISPATCH(packRightF64)(factor, depth, out);
}

void product(Strips<float> a, Strips<float> b, std::size_t depth, Output<float> c, Into into, bool upperOnly) {
  HWY_DYNAMIC_DISPATCH(multiplyLaidOutF32)(a, b, depth, c, into, upperOnly);
}
void product(Strips<double> a, Strips<double> b, std::size_t depth, Output<double> c, Into into, bool upperOnly) {
  HWY_DYNAMIC_DISPATCH(multiplyLaidOutF64)(a, b, depth, c, into, upperOnly);
}

}  // namespace qs::simd
#endif
