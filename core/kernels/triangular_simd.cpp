#include "core/kernels/triangular_simd.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/triangular_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Many rows at once, a lane each, as columns [n][rows]: from the last to the first, each without what those after it
// take from it.
template <class D>
HWY_INLINE void solveLanes(D d, const double* r, std::size_t stride, std::size_t n, double* columns) {
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t step = 4 * lanes;
  for (std::size_t j = n; j-- > 0;) {
    double* column = columns + j * step;
    auto a = hn::Load(d, column);
    auto b = hn::Load(d, column + lanes);
    auto c = hn::Load(d, column + 2 * lanes);
    auto e = hn::Load(d, column + 3 * lanes);
    for (std::size_t k = j + 1; k < n; ++k) {
      const double* other = columns + k * step;
      const auto factor = hn::Set(d, r[j * stride + k]);
      a = hn::NegMulAdd(factor, hn::Load(d, other), a);
      b = hn::NegMulAdd(factor, hn::Load(d, other + lanes), b);
      c = hn::NegMulAdd(factor, hn::Load(d, other + 2 * lanes), c);
      e = hn::NegMulAdd(factor, hn::Load(d, other + 3 * lanes), e);
    }
    const auto pivot = hn::Set(d, r[j * stride + j]);
    hn::Store(hn::Div(a, pivot), d, column);
    hn::Store(hn::Div(b, pivot), d, column + lanes);
    hn::Store(hn::Div(c, pivot), d, column + 2 * lanes);
    hn::Store(hn::Div(e, pivot), d, column + 3 * lanes);
  }
}

void solveRows(const double* r, std::size_t rStride, std::size_t n, double* x, std::size_t rows, std::size_t xStride) {
  const hn::CappedTag<double, 8> d;
  const std::size_t step = 4 * hn::Lanes(d);
  HWY_ALIGN double columns[kMostSolved * 4 * 8] = {};
  for (std::size_t first = 0; first < rows; first += step) {
    const std::size_t count = std::min(step, rows - first);
    double* in = x + first * xStride;
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < n; ++j) columns[j * step + i] = in[i * xStride + j];
    solveLanes(d, r, rStride, n, columns);
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < n; ++j) in[i * xStride + j] = columns[j * step + i];
  }
}

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::simd {

HWY_EXPORT(solveRows);

void solveRightSmall(const double* r, std::size_t rStride, std::size_t n, double* x, std::size_t rows,
                     std::size_t xStride) {
  HWY_DYNAMIC_DISPATCH(solveRows)(r, rStride, n, x, rows, xStride);
}

}  // namespace qs::simd
#endif
