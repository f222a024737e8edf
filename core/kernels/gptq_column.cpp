#include "core/kernels/gptq_column.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/gptq_column.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Nothing is fused, so that every target gives the same.
template <class D>
HWY_INLINE void addLoss([[maybe_unused]] D d, hn::Vec<D> residual, double weight, double* loss) {
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(double)) {
    const auto grown = hn::Mul(hn::Set(d, weight), hn::Mul(residual, residual));
    hn::StoreU(hn::Add(hn::LoadU(d, loss), grown), d, loss);
  } else {
    const hn::Half<D> half;
    const hn::Rebind<double, decltype(half)> dd;
    addLoss(dd, hn::PromoteTo(dd, hn::LowerHalf(half, residual)), weight, loss);
    addLoss(dd, hn::PromoteTo(dd, hn::UpperHalf(half, residual)), weight, loss + hn::Lanes(dd));
  }
}

template <class D>
HWY_INLINE void storeCode([[maybe_unused]] D d, hn::Vec<D> code, std::uint8_t* out) {
  const hn::Rebind<std::int32_t, D> d32;
  const hn::Rebind<std::uint8_t, D> d8;
  const hn::RebindToUnsigned<decltype(d32)> du32;
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(double))
    hn::StoreU(hn::TruncateTo(d8, hn::BitCast(du32, hn::DemoteTo(d32, code))), d8, out);
  else
    hn::StoreU(hn::TruncateTo(d8, hn::BitCast(du32, hn::ConvertTo(d32, code))), d8, out);
}

template <class D, typename Real>
HWY_INLINE void quantizeLanes(D d, hn::Vec<D> correction, const GptqGrid<Real>& grid, const GptqRounded& rounded,
                              std::size_t lane, Real* error) {
  const auto scale = hn::LoadU(d, grid.scale + lane);
  const auto zero = hn::LoadU(d, grid.zero + lane);
  const auto weight = hn::LoadU(d, error);
  const auto corrected = hn::Add(weight, correction);
  const auto nearest = hn::Add(hn::Round(hn::Div(corrected, scale)), zero);
  const auto code = hn::Min(hn::Max(nearest, hn::Set(d, grid.low)), hn::Set(d, grid.high));
  const auto value = hn::Mul(hn::Sub(code, zero), scale);
  const auto residual = hn::Sub(corrected, value);
  storeCode(d, code, rounded.code + lane);
  addLoss(d, residual, rounded.weight, rounded.loss + lane);
  hn::StoreU(rounded.fromCorrected ? residual : hn::Sub(weight, value), d, error);
}

// Calls finish(d, correction, lane, at) for every vector of lanes with what all columns before add to the weights; `at`
// is the first lane's place in a column's strips.
template <typename Real, class Finish>
HWY_INLINE void correctLanes(const GptqColumn<Real>& column, const Finish& finish) {
  const hn::CappedTag<Real, 64 / sizeof(Real)> d;
  const std::size_t n = hn::Lanes(d);
  for (std::size_t lane = 0; lane < kGptqLanes; lane += 2 * n) {
    const std::size_t at = lane / column.stripWidth * column.stripStride + lane % column.stripWidth;
    auto low = hn::LoadU(d, column.correction + at);
    auto high = hn::LoadU(d, column.correction + at + n);
    for (std::size_t k = 0; k < column.count; ++k) {
      const Real* errors = column.errors + k * column.stripWidth + at;
      const auto factor = hn::Set(d, column.factors[k * column.factorStride]);
      low = hn::MulAdd(hn::LoadU(d, errors), factor, low);
      high = hn::MulAdd(hn::LoadU(d, errors + n), factor, high);
    }
    finish(d, low, lane, at);
    finish(d, high, lane + n, at + n);
  }
}

template <typename Real>
void quantizeColumn(const GptqColumn<Real>& column, const GptqGrid<Real>& grid, const GptqRounded& rounded) {
  correctLanes(column, [&](auto d, auto correction, std::size_t lane, std::size_t at)
                           HWY_ATTR { quantizeLanes(d, correction, grid, rounded, lane, column.error + at); });
}

// w − ŵ is what the correction takes from w.
template <typename Real>
void followColumn(const GptqColumn<Real>& column, Real* low, Real* high) {
  correctLanes(column, [&](auto d, auto correction, std::size_t lane, std::size_t at) HWY_ATTR {
    const auto corrected = hn::Add(hn::LoadU(d, column.error + at), correction);
    hn::StoreU(corrected, d, column.correction + at);
    hn::StoreU(hn::Neg(correction), d, column.error + at);
    hn::StoreU(hn::Min(corrected, hn::LoadU(d, low + lane)), d, low + lane);
    hn::StoreU(hn::Max(corrected, hn::LoadU(d, high + lane)), d, high + lane);
  });
}

void quantizeColumnF32(const GptqColumn<float>& column, const GptqGrid<float>& grid, const GptqRounded& rounded) {
  quantizeColumn(column, grid, rounded);
}
void quantizeColumnF64(const GptqColumn<double>& column, const GptqGrid<double>& grid, const GptqRounded& rounded) {
  quantizeColumn(column, grid, rounded);
}
void followColumnF32(const GptqColumn<float>& column, float* low, float* high) { followColumn(column, low, high); }
void followColumnF64(const GptqColumn<double>& column, double* low, double* high) { followColumn(column, low, high); }

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {
namespace simd {
HWY_EXPORT(quantizeColumnF32);
HWY_EXPORT(quantizeColumnF64);
HWY_EXPORT(followColumnF32);
HWY_EXPORT(followColumnF64);
}  // namespace simd

void quantizeGptqColumn(const GptqColumn<float>& column, const GptqGrid<float>& grid, const GptqRounded& rounded) {
  using namespace simd;
  HWY_DYNAMIC_DISPATCH(quantizeColumnF32)(column, grid, rounded);
}
void quantizeGptqColumn(const GptqColumn<double>& column, const GptqGrid<double>& grid, const GptqRounded& rounded) {
  using namespace simd;
  HWY_DYNAMIC_DISPATCH(quantizeColumnF64)(column, grid, rounded);
}

void followGptqColumn(const GptqColumn<float>& column, float* low, float* high) {
  using namespace simd;
  HWY_DYNAMIC_DISPATCH(followColumnF32)(column, low, high);
}
void followGptqColumn(const GptqColumn<double>& column, double* low, double* high) {
  using namespace simd;
  HWY_DYNAMIC_DISPATCH(followColumnF64)(column, low, high);
}

}  // namespace qs
#endif
