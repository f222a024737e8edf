#pragma once

#include "core/base/run_context.h"
#include "core/model/architecture_spec.h"
#include "core/train/real_matrix.h"

namespace qs {

/// Rows normalized as `normalize` of the runner does; sums in F64.
template <typename T>
[[nodiscard]] RealMatrix<T> normForward(const NormSpec& norm, const TensorMap<T>& tensors, BasicMatrixView<const T> in,
                                        const RunContext& context);

/// From ∂L/∂out, the gradient of the rows that went in. The gradients of weight and bias are added to those entries of
/// `gradients` that exist.
template <typename T>
[[nodiscard]] RealMatrix<T> normBackward(const NormSpec& norm, const TensorMap<T>& tensors, BasicMatrixView<const T> in,
                                         BasicMatrixView<const T> outGradient, TensorMap<T>& gradients,
                                         const RunContext& context);

/// One row of the above. `weightGradient` and `biasGradient` are F64 sums, added to; empty = not wanted.
template <typename T>
void normRowForward(const NormSpec& norm, std::span<const T> weight, std::span<const T> bias, std::span<const T> in,
                    std::span<T> out);
template <typename T>
void normRowBackward(const NormSpec& norm, std::span<const T> weight, std::span<const T> in,
                     std::span<const T> outGradient, std::span<T> inGradient, std::span<double> weightGradient,
                     std::span<double> biasGradient);

/// Adds partial sums, in order, to a gradient where it is wanted.
template <typename T>
void addPartials(const std::vector<std::vector<double>>& partials, const std::string& tensor, TensorMap<T>& gradients);

}  // namespace qs
