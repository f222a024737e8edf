#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/kernels/gptq_column.h"
#include "core/kernels/gptq_factor.h"
#include "core/kernels/uniform_grid.h"
#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// What GPTQ's loop over the columns is given; the factor comes beside it.
struct GptqProblem {
  MatrixView weights;                    ///< [out, in], zero in dead columns
  std::span<const std::uint32_t> order;  ///< [in] the column at each position; the factor's rows are positions
  std::span<const UnitGrid> grids;  ///< one a unit of the tensor, known beforehand; empty: live, from the corrected
                                    ///< weights when the loop reaches a group (groupSize > 0)
  bool shrinkRange = false;         ///< live grids: as findGrid
  bool fromCorrected = false;       ///< introductory form: errors are taken from the corrected weights
};

/// GPTQ's loop over the columns for rows firstRow..firstRow+count-1 (count ≤ kGptqLanes), one task: writes the codes of
/// those rows, and their scales and zero points where the grids are live (of group position/groupLength then). Returns
/// Σ D_j·residual_j². Columns are corrected lazily, a block of factor.blockSize() at a time; a group that begins inside
/// a block sees every correction up to it, so that the block size changes nothing but the rounding.
template <typename Real>
[[nodiscard]] double gptqRows(const GptqProblem& problem, const GptqFactor<Real>& factor, std::size_t firstRow,
                              std::size_t count, QuantizedTensor& tensor, const RunContext& context);

extern template double gptqRows<float>(const GptqProblem&, const GptqFactor<float>&, std::size_t, std::size_t,
                                       QuantizedTensor&, const RunContext&);
extern template double gptqRows<double>(const GptqProblem&, const GptqFactor<double>&, std::size_t, std::size_t,
                                        QuantizedTensor&, const RunContext&);

/// gptqRows for all rows, in tiles of kGptqLanes, in parallel; calls context.advance with shares of `progress`. The
/// result doesn't depend on the thread count.
template <typename Real>
[[nodiscard]] double gptqAllRows(const GptqProblem& problem, const GptqFactor<Real>& factor, QuantizedTensor& tensor,
                                 const RunContext& context, double progress = 0);

extern template double gptqAllRows<float>(const GptqProblem&, const GptqFactor<float>&, QuantizedTensor&,
                                          const RunContext&, double);
extern template double gptqAllRows<double>(const GptqProblem&, const GptqFactor<double>&, QuantizedTensor&,
                                           const RunContext&, double);

}  // namespace qs
