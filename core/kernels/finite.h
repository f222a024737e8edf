#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "core/base/run_context.h"
#include "core/tensor/matrix.h"

namespace qs {

/// Index of the first NaN or infinity, or nothing.
[[nodiscard]] std::optional<std::size_t> findNonFinite(std::span<const float> values);

/// Throws Error (Input) that names the tensor, the row, the column and what stands there, unless every value is finite.
/// Reads the matrix once at memory speed.
void requireFinite(const std::string& tensor, MatrixView values, const RunContext& context = {});

}  // namespace qs
