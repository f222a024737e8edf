#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/io/checkpoint.h"
#include "core/stats/error_stats.h"

namespace qs {

/// A matrix that is read row by row, in any order and from any thread: nothing but the rows at work is in memory.
struct TensorRows {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::function<void(std::size_t row, std::span<float> out)> read;  ///< out has `cols` elements
};

/// A tensor's values: a vector is one row, further dimensions fold into rows. `tensor` has to outlive the result.
[[nodiscard]] TensorRows rowsOf(const CheckpointTensor& tensor);
/// The transposed matrix; it is held in memory.
[[nodiscard]] TensorRows transposedRows(const TensorRows& rows, const RunContext& context);

/// Runs of consecutive rows spread over the matrix, 128 rows or all: enough to judge an error by, and whole words of
/// codes packed along the rows.
[[nodiscard]] std::vector<std::size_t> sampleRows(std::size_t rows);

/// How far `approximation` is from `reference` over all rows, or over those listed. In parallel; the same to the bit
/// for any number of threads.
[[nodiscard]] ErrorStats compareRows(const TensorRows& reference, const TensorRows& approximation,
                                     const RunContext& context, std::span<const std::size_t> only = {});

}  // namespace qs
