#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qs {

/// Dimensions, slowest-varying first, as PyTorch writes them: a linear weight is [out_features, in_features].
using Shape = std::vector<std::uint64_t>;

/// Product of the dimensions (1 for a 0-d tensor), or nothing where it overflows 64 bits, also before a later 0.
[[nodiscard]] std::optional<std::uint64_t> elementCount(const Shape& shape);
/// "4096 × 11008"; "scalar" for a 0-d tensor.
[[nodiscard]] std::string toText(const Shape& shape);

}  // namespace qs
