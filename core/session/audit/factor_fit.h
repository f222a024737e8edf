#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/session/audit/tensor_rows.h"

namespace qs {

/// Factors f that make a reference times f fit an approximation best, and what is then left of the approximation, as a
/// share of what was fitted: 0.1 where codes leave a tenth. 1 and 0 where the reference is zero.
struct FittedFactors {
  std::vector<float> factors;
  std::vector<float> noise;
};

/// For each column its factor and noise.
[[nodiscard]] FittedFactors fitColumns(const TensorRows& reference, const TensorRows& approximation,
                                       const RunContext& context);
/// For each column the factor f that makes `reference`·f fit `approximation` best; 1 where the reference is zero.
[[nodiscard]] std::vector<float> fitColumnFactors(const TensorRows& reference, const TensorRows& approximation,
                                                  const RunContext& context);
/// The same for each row.
[[nodiscard]] std::vector<float> fitRowFactors(const TensorRows& reference, const TensorRows& approximation,
                                               const RunContext& context);

/// Rows and columns divided by factors; empty = none.
[[nodiscard]] TensorRows dividedRows(const TensorRows& rows, std::vector<float> rowFactors,
                                     std::vector<float> columnFactors);

/// Whether `first` undoes `second`, element by element: their products stay much closer to 1 than they do themselves.
/// Factors are positive.
[[nodiscard]] bool undoEachOther(std::span<const float> first, std::span<const float> second);

/// "0.31 to 4.2": the range of factors.
[[nodiscard]] std::string rangeText(std::span<const float> factors);

}  // namespace qs
