#pragma once

#include <cstddef>

#include "core/model/architecture_spec.h"

namespace qs {

/// One head's vectors, one a position, inside a wider row-major matrix.
struct HeadRows {
  const float* data = nullptr;
  std::size_t stride = 0;
};

/// Causal attention of one head: queries at positions firstPosition..firstPosition+count-1 over keys and values at
/// positions 0..firstPosition+count-1, into `out` (one row a query). One thread, tiles of queries.
void attendHead(const AttentionSpec& attention, std::size_t headDim, HeadRows queries, HeadRows keys, HeadRows values,
                std::size_t firstPosition, std::size_t count, float* out, std::size_t outStride);

}  // namespace qs
