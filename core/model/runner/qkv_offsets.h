#pragma once

#include <cstddef>

#include "core/model/architecture_spec.h"

namespace qs {

// Where a head's query, key and value begin in a row of the attention inputs' product.

[[nodiscard]] inline std::size_t queryOffset(const ArchitectureSpec& spec, QkvLayout layout, std::size_t head) {
  return layout == QkvLayout::PerHead ? 3 * head * spec.headDim : head * spec.headDim;
}

[[nodiscard]] inline std::size_t keyOffset(const ArchitectureSpec& spec, QkvLayout layout, std::size_t kvHead) {
  return layout == QkvLayout::PerHead ? (3 * kvHead + 1) * spec.headDim : (spec.heads + kvHead) * spec.headDim;
}

[[nodiscard]] inline std::size_t valueOffset(const ArchitectureSpec& spec, QkvLayout layout, std::size_t kvHead) {
  return layout == QkvLayout::PerHead ? (3 * kvHead + 2) * spec.headDim
                                      : (spec.heads + spec.kvHeads + kvHead) * spec.headDim;
}

}  // namespace qs
