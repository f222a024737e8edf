#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "core/io/formats/safetensors_writer.h"

namespace qs::test {

/// Writes a safetensors file of F32 or BF16 tensors whose values are normally distributed with deviation `size`, times
/// `factor` of their column where there is one. Reproducible.
void writeRandomTensors(const std::filesystem::path& path, const std::vector<PlannedTensor>& plan, unsigned seed,
                        float size, const std::function<float(std::size_t column)>& factor = {});

}  // namespace qs::test
