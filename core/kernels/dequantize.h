#pragma once

#include <cstdint>
#include <span>

#include "core/base/run_context.h"
#include "core/kernels/histogram_count.h"
#include "core/kernels/uniform_grid.h"
#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// The grids of a row's groups, which follow each other; not of a tensor with a group index or a codebook.
[[nodiscard]] GroupGrids gridsOfRow(const QuantizedTensor& tensor, std::size_t row);
/// As dequantizeRows() of core/tensor, to the bit, with vector kernels, on this thread; of the columns from `firstCol`
/// on, where a group starts, as many as `out` has. With a group index, whole rows only.
void dequantizeTile(const QuantizedTensor& tensor, std::size_t firstRow, MatrixSpan out, std::size_t firstCol = 0);
/// Widens `span` to hold every value of rows firstRow..firstRow+rows-1. Quick, as only units whose whole grid isn't
/// within `span` are looked at.
void widenToRows(const QuantizedTensor& tensor, std::size_t firstRow, std::size_t rows, ValueSpan& span);
/// Adds to `counts` as countValues() does the values of rows firstRow..firstRow+rows-1, from how often each code occurs
/// in a group; false, and nothing is counted, where that isn't quicker than to decode every value.
[[nodiscard]] bool countFromCodes(const QuantizedTensor& tensor, std::size_t firstRow, std::size_t rows, double low,
                                  double high, std::span<std::uint64_t> counts);
/// As dequantize() of core/tensor, to the bit, on all threads of the arena at work and with vector kernels: near memory
/// speed for codes without a group index. 45 million weights take about 25 ms on two cores.
void dequantizeMatrix(const QuantizedTensor& tensor, MatrixSpan out, const RunContext& context);
[[nodiscard]] Matrix dequantizeMatrix(const QuantizedTensor& tensor, const RunContext& context);

}  // namespace qs
