#pragma once

#include <cstddef>
#include <cstdint>

namespace qs {

/// Rows that GPTQ works on together: each is a lane.
inline constexpr std::size_t kGptqLanes = 256;

/// One column of kGptqLanes rows, a lane each. What is there of many columns stands in strips of a few lanes, each
/// [column][stripWidth].
template <typename Real>
struct GptqColumn {
  Real* correction = nullptr;     ///< in strips: what the columns before `errors` add to the weights
  const Real* errors = nullptr;   ///< in strips: [count] w − ŵ of the columns just before
  Real* error = nullptr;          ///< in strips; in: w; out: what is passed on
  std::size_t stripWidth = 0;     ///< simd::rightWidth<Real>()
  std::size_t stripStride = 0;    ///< values from a lane to the same lane of the next strip
  const Real* factors = nullptr;  ///< [count] entries M[k, j] of those columns
  std::size_t factorStride = 1;
  std::size_t count = 0;
};

/// The grid of each lane.
template <typename Real>
struct GptqGrid {
  const Real* scale = nullptr;
  const Real* zero = nullptr;
  Real low = 0;  ///< smallest and largest code
  Real high = 0;
};

/// What rounding a column leaves behind.
struct GptqRounded {
  bool fromCorrected = false;    ///< what is passed on: the corrected weight − ŵ instead of w − ŵ
  double weight = 0;             ///< of a squared residual in the loss
  double* loss = nullptr;        ///< grows by weight·(corrected weight − ŵ)²
  std::uint8_t* code = nullptr;  ///< out: two's complement
};

/// t = w + (correction + Σ_k errors_k·M[k, j]); code = clamp(rne(t/s) + z); ŵ = (code − z)·s. In F32 the code is that
/// of core/kernels/uniform_grid to the bit, given t; sums are in order of k, fused where the processor can.
void quantizeGptqColumn(const GptqColumn<float>& column, const GptqGrid<float>& grid, const GptqRounded& rounded);
void quantizeGptqColumn(const GptqColumn<double>& column, const GptqGrid<double>& grid, const GptqRounded& rounded);

/// The same for a column that isn't rounded: ŵ = t, which is left in `correction`. `low` and `high` [lanes] become
/// the smallest and largest of what they hold and t.
void followGptqColumn(const GptqColumn<float>& column, float* low, float* high);
void followGptqColumn(const GptqColumn<double>& column, double* low, double* high);

}  // namespace qs
