#pragma once

#include <span>

#include "core/base/run_context.h"
#include "core/tensor/matrix.h"

namespace qs {

/// Rows of inputs whose products are summed in F32 before their sum is added in F64.
inline constexpr std::size_t kGramBlockRows = 1024;

/// Adds XᵀX of rows [tokens, in] to the upper triangle of `gram` [in, in]: a symmetric update in tiles, one task each,
/// so that the result doesn't depend on the thread count. Rows are taken in blocks of kGramBlockRows.
void addGramUpper(MatrixView rows, std::span<double> gram, const RunContext& context);

/// Adds AᵀB of rows a, b [tokens, in] to `product` [in, in], in the same tiles and blocks.
void addProducts(MatrixView a, MatrixView b, std::span<double> product, const RunContext& context);

/// Copies the upper triangle of a square matrix [size, size] to the lower one.
void mirrorUpper(std::span<double> square, std::size_t size, const RunContext& context);

}  // namespace qs
