#pragma once

#include <cstddef>
#include <vector>

#include "core/tensor/dtype.h"
#include "core/tensor/matrix.h"

namespace qs::test {

/// A matrix as a file stores it in F16, BF16 or F32, behind one byte that misaligns it.
[[nodiscard]] std::vector<std::byte> storedBytes(const Matrix& matrix, DType type);

}  // namespace qs::test
