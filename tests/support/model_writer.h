#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/tensor/matrix.h"

namespace qs::test {

/// A tensor for writeModel: F32 [rows, cols], or [cols] where there is one row and `isVector`.
struct NamedMatrix {
  std::string name;
  Matrix values;
  bool isVector = false;
};

/// Writes a safetensors file by a few lines of its own, tensors in the given order.
void writeModel(const std::filesystem::path& file, const std::vector<NamedMatrix>& tensors);

/// A small model without config.json: two blocks with q, k, v, o, gate, up and down projections (in 64 and 96), an
/// embedding, norms and a head. Reproducible.
[[nodiscard]] std::vector<NamedMatrix> tinyModel();

/// Inputs `<layer>.input` [tokens, in] for every linear of the tiny model; layers that share an input have the same.
[[nodiscard]] std::vector<NamedMatrix> tinyInputs(std::size_t tokens);

}  // namespace qs::test
