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
HWY_INLINE void quantizeLanes(D d, hn::Vec<D> open, const GptqGrid<Real>& grid, const GptqRounded& rounded,
                              std::size_t lane, Real* error) {
  const auto scale = hn::LoadU(d, grid.scale + lane);
  const auto zero = hn::LoadU(d, grid.zero + lane);
  const auto nearest = hn::Add(hn::Round(hn::Div(open, scale)), zero);
  const auto code = hn::Min(hn::Max(nearest, hn::Set(d, grid.low)), hn::Set(d, grid.high));
  const auto value = hn::Mul(hn::Sub(code, zero), scale);
  const auto residual = hn::Sub(open, value);
  storeCode(d, code, rounded.code + lane);
  addLoss(d, residual, rounded.weight, rounded.loss + lane);
  hn::StoreU(rounded.fromCorrected ? residual : hn::Sub(hn::LoadU(d, error), value), d, error);
}

// Calls finish(d, open, lane, at) for every vector of lanes with the weights as all columns before have left them;
// `at` is the first lane's place in a column's strips.
template <typename Real, class Finish>
HWY_INLINE void correctLanes(const GptqColumn<Real>& column, const Finish& finish) {
  const hn::CappedTag<Real, 64 / sizeof(Real)> d;
  const std::size_t n = hn::Lanes(d);
  for (std::size_t lane = 0; lane < kGptqLanes; lane += 2 * n) {
    const std::size_t at = lane / column.stripWidth * column.stripStride + lane % column.stripWidth;
    auto low = hn::LoadU(d, column.open + at);
    auto high = hn::LoadU(d, column.open + at + n);
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
  correctLanes(column, [&](auto d, auto open, std::size_t lane, std::size_t at)
                           HWY_ATTR { quantizeLanes(d, open, grid, rounded, lane, column.error + at); });
}

template <typename Real>
void followColumn(const GptqColumn<Real>& column) {
  correctLanes(column, [&](auto d, auto open, std::size_t, std::size_t at) HWY_ATTR {
    hn::StoreU(open, d, column.open + at);
    hn::StoreU(hn::Sub(hn::LoadU(d, column.error + at), open), d, column.error + at);
  });
}

void quantizeColumnF32(const GptqColumn<float>& column, const GptqGrid<float>& grid, const GptqRounded& rounded) {
  quantizeColumn(column, grid, rounded);
}
void quantizeColumnF64(const GptqColumn<double>& column, const GptqGrid<double>& grid, const GptqRounded& rounded) {
  quantizeColumn(column, grid, rounded);
}
void followColumnF32(const GptqColumn<float>& column) { followColumn(column); }
void followColumnF64(const GptqColumn<double>& column) { followColumn(column); }

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

void followGptqColumn(const GptqColumn<float>& column) {
  using namespace simd;
  HWY_DYNAMIC_DISPATCH(followColumnF32)(column);
}
void followGptqColumn(const GptqColumn<double>& column) {
  using namespace simd;
  HWY_DYNAMIC_DISPATCH(followColumnF64)(column);
}

}  // namespace qs
#endif
