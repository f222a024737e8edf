#pragma once

#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/kernels/uniform_grid.h"  // grids of single units: find, code, value
#include "core/kernels/weight_rows.h"
#include "core/tensor/quant_scheme.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

// Uniform grids of whole matrices, for the methods. The matrix is [out, in]; results don't depend on the thread count.

/// A tensor with codes, scales and (where the scheme has them) zero points of the right sizes, to be filled.
[[nodiscard]] QuantizedTensor emptyTensor(const QuantScheme& scheme, std::size_t rows, std::size_t cols);

/// Round-to-nearest of a matrix: a grid for every unit, then the codes. With `shrinkRange` MSE-shrunk ranges.
/// Throws Error (Failed) where a scale doesn't fit the scale type. Advances the context's progress by `progress`
/// meanwhile.
[[nodiscard]] QuantizedTensor quantizeUniform(const WeightRows& weights, const QuantScheme& scheme, bool shrinkRange,
                                              const RunContext& context, double progress = 0);

/// The grids alone, one a unit: [rows, groupsPerRow], or one per tensor. Throws as quantizeUniform.
[[nodiscard]] std::vector<UnitGrid> findGrids(const WeightRows& weights, const QuantScheme& scheme, bool shrinkRange,
                                              const RunContext& context, double progress = 0);

/// Codes for given grids (as findGrids gives them) of the scheme.
[[nodiscard]] QuantizedTensor quantizeOnGrids(const WeightRows& weights, const QuantScheme& scheme,
                                              std::span<const UnitGrid> grids, const RunContext& context);

/// Throws Error (Failed) that says why unless the scale is a finite positive number of the scale type, the zero point a
/// finite one, and no value of an integer grid beyond F32.
void requireStorable(UnitGrid grid, const QuantScheme& scheme);
/// The same of all grids of a tensor, and of its values with the input scale divided out.
void requireStorable(const QuantizedTensor& tensor);

}  // namespace qs
