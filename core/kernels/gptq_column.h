#pragma once

#include <cstddef>
#include <cstdint>

namespace qs {

/// Rows that GPTQ works on together: each is a lane.
inline constexpr std::size_t kGptqLanes = 256;

/// One column of kGptqLanes rows: every pointer is to that many values, a lane each.
template <typename Real>
struct GptqColumn {
  const Real* open = nullptr;     ///< the weights, corrected for the columns before `errors`
  const Real* errors = nullptr;   ///< [count][lanes] w − ŵ of the columns just before
  const Real* factors = nullptr;  ///< [count] their entries M[k, j]
  std::size_t count = 0;
  const Real* scale = nullptr;
  const Real* zero = nullptr;
  Real low = 0;  ///< smallest and largest code
  Real high = 0;
  bool fromCorrected = false;    ///< what is passed on: the corrected weight − ŵ instead of w − ŵ
  double weight = 0;             ///< of a squared residual in the loss
  Real* error = nullptr;         ///< in: w; out: what is passed on
  double* loss = nullptr;        ///< grows by weight·(corrected weight − ŵ)²
  std::uint8_t* code = nullptr;  ///< out: two's complement
};

/// t = open + Σ_k errors_k·M[k, j]; code = clamp(rne(t/s) + z); ŵ = (code − z)·s. In F32 the code is that of
/// core/kernels/uniform_grid to the bit, given t; sums are in order of k, fused where the processor can.
void quantizeGptqColumn(const GptqColumn<float>& column);
void quantizeGptqColumn(const GptqColumn<double>& column);

}  // namespace qs
