#pragma once

#include <functional>
#include <span>

#include "core/base/run_context.h"

namespace qs {

/// Factors a symmetric positive definite matrix H = R·Rᵀ, R upper triangular, in place in F64: reads and writes the
/// upper triangle of `square` [size, size] row-major (below the diagonal only the tiles on it are touched). Tiled in
/// tasks of about a millisecond. Calls `progress` with shares of the work that add up to 1. Returns false, with the
/// matrix spoilt, where a pivot is not a positive finite number. size³/3 operations. The last rows come first, so that
/// R⁻¹ is the upper Cholesky factor U of H⁻¹ = UᵀU (GPTQ, arXiv 2210.17323), without an inverse.
[[nodiscard]] bool factorUpper(std::span<double> square, std::size_t size, const RunContext& context,
                               const std::function<void(double)>& progress = {});

/// X := H⁻¹·X from its factor R, for a few columns X [size, width]. One thread: tile it. 2·size²·width operations.
void solveColumns(std::span<const double> factor, std::size_t size, std::span<double> columns, std::size_t width,
                  const RunContext& context);

/// H⁻¹ in full from its factor R (as factorUpper leaves it), into `inverse` [size, size]. 2·size³ operations.
void invertFromFactor(std::span<const double> factor, std::size_t size, std::span<double> inverse,
                      const RunContext& context);

}  // namespace qs
