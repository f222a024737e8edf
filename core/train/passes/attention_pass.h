#pragma once

#include "core/base/run_context.h"
#include "core/model/architecture_spec.h"
#include "core/train/real_matrix.h"

namespace qs {

/// Normalizes and rotates the queries and keys of rows [rows, q k v], in place, as the runner does; windows of
/// `windowLength` rows begin at position 0.
template <typename T>
void placeHeads(const ArchitectureSpec& spec, const AttentionSpec& attention, const TensorMap<T>& tensors,
                BasicMatrixView<T> qkv, std::size_t windowLength, const RunContext& context);

/// Turns the gradient of placed rows into that of the rows before, in place; `before` are those rows (needed where
/// heads are normalized). Gradients of the heads' norms are added where they are wanted.
template <typename T>
void placeHeadsBackward(const ArchitectureSpec& spec, const AttentionSpec& attention, const TensorMap<T>& tensors,
                        BasicMatrixView<const T> before, BasicMatrixView<T> gradient, std::size_t windowLength,
                        TensorMap<T>& gradients, const RunContext& context);

/// Causal attention over whole windows of placed rows: mixed values [rows, heads · headDim].
template <typename T>
[[nodiscard]] RealMatrix<T> attendForward(const ArchitectureSpec& spec, const AttentionSpec& attention,
                                          BasicMatrixView<const T> qkv, std::size_t windowLength,
                                          const RunContext& context);

/// ∂L/∂qkv from the gradient of the mixed values; the probabilities are computed anew. A task a window and key head.
template <typename T>
[[nodiscard]] RealMatrix<T> attendBackward(const ArchitectureSpec& spec, const AttentionSpec& attention,
                                           BasicMatrixView<const T> qkv, BasicMatrixView<const T> mixedGradient,
                                           std::size_t windowLength, const RunContext& context);

}  // namespace qs
