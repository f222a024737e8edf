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

template <typename Real, class D, class V>
HWY_INLINE void quantizeLanes(D d, const GptqColumn<Real>& column, std::size_t lane, V open) {
  const auto scale = hn::LoadU(d, column.scale + lane);
  const auto zero = hn::LoadU(d, column.zero + lane);
  const auto rounded = hn::Add(hn::Round(hn::Div(open, scale)), zero);
  const auto code = hn::Min(hn::Max(rounded, hn::Set(d, column.low)), hn::Set(d, column.high));
  const auto value = hn::Mul(hn::Sub(code, zero), scale);
  const auto residual = hn::Sub(open, value);
  storeCode(d, code, column.code + lane);
  addLoss(d, residual, column.weight, column.loss + lane);
  hn::StoreU(column.fromCorrected ? residual : hn::Sub(hn::LoadU(d, column.error + lane), value), d,
             column.error + lane);
}

template <typename Real>
void quantizeColumn(const GptqColumn<Real>& column) {
  const hn::CappedTag<Real, 16> d;
  const std::size_t n = hn::Lanes(d);
  for (std::size_t lane = 0; lane < kGptqLanes; lane += 4 * n) {
    auto sum0 = hn::LoadU(d, column.open + lane);
    auto sum1 = hn::LoadU(d, column.open + lane + n);
    auto sum2 = hn::LoadU(d, column.open + lane + 2 * n);
    auto sum3 = hn::LoadU(d, column.open + lane + 3 * n);
    const Real* errors = column.errors + lane;
    for (std::size_t k = 0; k < column.count; ++k, errors += kGptqLanes) {
      const auto factor = hn::Set(d, column.factors[k]);
      sum0 = hn::MulAdd(hn::LoadU(d, errors), factor, sum0);
      sum1 = hn::MulAdd(hn::LoadU(d, errors + n), factor, sum1);
      sum2 = hn::MulAdd(hn::LoadU(d, errors + 2 * n), factor, sum2);
      sum3 = hn::MulAdd(hn::LoadU(d, errors + 3 * n), factor, sum3);
    }
    quantizeLanes(d, column, lane, sum0);
    quantizeLanes(d, column, lane + n, sum1);
    quantizeLanes(d, column, lane + 2 * n, sum2);
    quantizeLanes(d, column, lane + 3 * n, sum3);
  }
}

void quantizeColumnF32(const GptqColumn<float>& column) { quantizeColumn(column); }
void quantizeColumnF64(const GptqColumn<double>& column) { quantizeColumn(column); }

}  // namespace qs::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs {
namespace simd {
HWY_EXPORT(quantizeColumnF32);
HWY_EXPORT(quantizeColumnF64);
}  // namespace simd

void quantizeGptqColumn(const GptqColumn<float>& column) {
  using namespace simd;
  HWY_DYNAMIC_DISPATCH(quantizeColumnF32)(column);
}
void quantizeGptqColumn(const GptqColumn<double>& column) {
  using namespace simd;
  HWY_DYNAMIC_DISPATCH(quantizeColumnF64)(column);
}

}  // namespace qs
#endif
