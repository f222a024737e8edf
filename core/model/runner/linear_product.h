#pragma once

#include <memory>
#include <vector>

#include "core/base/run_context.h"
#include "core/kernels/matmul.h"
#include "core/model/runner/weight_provider.h"

namespace qs {

/// A linear with its weights in memory.
struct LoadedLinear {
  LinearSpec spec;
  std::shared_ptr<const Matrix> weights;
  std::vector<float> bias;  ///< empty = none
};

[[nodiscard]] LoadedLinear loadLinear(const LinearSpec& spec, const WeightProvider& provider,
                                      const RunContext& context);

/// out = in·Wᵀ + b in fixed tiles, in parallel; the inputs are quantized first where the provider says so. `out` may be
/// a block of columns of a wider matrix.
void multiplyLinear(const LoadedLinear& linear, MatrixView in, Block<float> out, const WeightProvider& provider,
                    const RunContext& context);

/// Calls `body(firstRow, rowCount)` for tiles of rows, in parallel, sized for work of `costPerRow` operations each.
void forRowTiles(std::size_t rows, std::size_t costPerRow, const RunContext& context,
                 const std::function<void(std::size_t, std::size_t)>& body);

}  // namespace qs
