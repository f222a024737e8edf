#pragma once

#include <vector>

#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// Smallest abs-max that gives a token its scale (SmoothQuant's fake_quant.py): a token of zeros stays zero.
inline constexpr float kSmallestTokenAbsMax = 1e-5F;

/// Inputs as a W8A8 kernel sees them: x ≈ scale[token] · code.
struct QuantizedInputs {
  Matrix codes;               ///< [tokens, in] code − zero point: whole numbers, at most 255 in magnitude
  std::vector<float> scales;  ///< [tokens]; all equal where the scheme has one scale for the tensor
};

/// Quantizes inputs [tokens, in] as the scheme says (arXiv 2208.07339, 2004.09602). A dynamic per-tensor scheme takes
/// its range from all the tokens given.
[[nodiscard]] QuantizedInputs quantizeInputs(MatrixView inputs, const ActivationScheme& scheme);

/// Replaces inputs by what their codes stand for. The range of a dynamic per-tensor scheme is taken a token at a time,
/// as in decoding one token, so that the result doesn't depend on which rows come together.
void roundInputs(MatrixSpan inputs, const ActivationScheme& scheme);

/// The static scheme of a range: affine (codes 0..255), or symmetric with A = max(−low, high). A range that is empty or
/// below F32's normal numbers gives scale 1, zero point 0.
[[nodiscard]] ActivationScheme staticScheme(float low, float high, bool symmetric);

}  // namespace qs
