#pragma once

#include <cmath>
#include <limits>
#include <optional>

#include "core/base/run_context.h"
#include "core/stats/activation_stats.h"
#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// ‖X Wᵀ − X̂ Ŵᵀ‖²_F / ‖X Wᵀ‖²_F of one layer: X̂ = X for weight-only methods, the inputs
/// quantized as the tensor's ActivationScheme says for W8A8.
struct OutputError {
  double relative = 0;            ///< over the rows that calibrated; NaN where the layer's outputs exceed F32
  bool exact = true;              ///< over all of them; false: over the sampled rows
  std::optional<double> heldOut;  ///< over the rows kept out of calibration
};

/// Measures a tensor against its original weights [out, in]. Weight-only: exact, over the rows where the sample is
/// whole and that is cheaper, else from the Gram matrix (tr(D·G·Dᵀ) / tr(W·G·Wᵀ), products in F64). W8A8: over the
/// sample, with the integer products that a kernel computes (exact integers). Tiled by output rows, so that a stop
/// takes effect at once; the result doesn't depend on the thread count. Costs 4·rows·out·in operations, or 2·out·in²
/// with the Gram matrix; `known` is the relative error where weightOnlyErrorSums gave it already. Throws Cancelled, or
/// Error (Input) where the width of the calibration differs from the layer's.
[[nodiscard]] OutputError measureOutputError(const QuantizedTensor& tensor, MatrixView original,
                                             const ActivationStats& activations, const RunContext& context,
                                             std::optional<double> known = std::nullopt);

/// ‖X Wᵀ − X̂ Ŵᵀ‖²_F and ‖X Wᵀ‖²_F over rows of inputs [tokens, in].
struct OutputErrorSums {
  double error = 0;
  double reference = 0;
  /// NaN where the layer's outputs exceed F32.
  [[nodiscard]] double relative() const {
    if (!std::isfinite(reference)) return std::numeric_limits<double>::quiet_NaN();
    return error == 0 ? 0 : error / reference;
  }
};
/// The sums behind measureOutputError for a weight-only tensor: from the rows where the sample is whole and that is
/// cheaper, else from the Gram matrix. Advances the progress by `progress`.
[[nodiscard]] OutputErrorSums weightOnlyErrorSums(const QuantizedTensor& tensor, MatrixView original,
                                                  const ActivationStats& activations, const RunContext& context,
                                                  double progress = 0);
/// The error alone, at half the cost with the Gram matrix.
[[nodiscard]] double weightOnlyError(const QuantizedTensor& tensor, MatrixView original,
                                     const ActivationStats& activations, const RunContext& context,
                                     double progress = 0);
[[nodiscard]] OutputErrorSums outputErrorOverRows(const QuantizedTensor& tensor, MatrixView original, MatrixView inputs,
                                                  const RunContext& context);

/// The layer's outputs [tokens, out] as a runtime computes them: inputs quantized as the tensor says, integer products.
[[nodiscard]] Matrix quantizedOutputs(const QuantizedTensor& tensor, MatrixView inputs, const RunContext& context);

}  // namespace qs
