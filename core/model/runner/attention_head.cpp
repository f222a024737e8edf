#include "core/model/runner/attention_head.h"

#include <algorithm>

#include "core/kernels/matmul.h"
#include "core/model/runner/vector_math.h"
#include "core/tensor/matrix.h"

namespace qs {

namespace {

constexpr std::size_t kQueryTile = 64;

/// First position that a query sees.
std::size_t firstSeen(const AttentionSpec& attention, std::size_t position) {
  return attention.window == 0 || position < attention.window ? 0 : position + 1 - attention.window;
}

}  // namespace

void attendHead(const AttentionSpec& attention, std::size_t headDim, HeadRows queries, HeadRows keys, HeadRows values,
                std::size_t firstPosition, std::size_t count, float* out, std::size_t outStride) {
  Matrix scores(std::min(kQueryTile, count), firstPosition + count);
  for (std::size_t first = 0; first < count; first += kQueryTile) {
    const std::size_t tile = std::min(kQueryTile, count - first);
    const std::size_t begin = firstSeen(attention, firstPosition + first);
    const std::size_t seen = firstPosition + first + tile - begin;
    const Block<float> block{scores.values().data(), tile, seen, seen};
    multiplyTransposed({queries.data + first * queries.stride, tile, headDim, queries.stride},
                       {keys.data + begin * keys.stride, seen, headDim, keys.stride}, block);
    for (std::size_t q = 0; q < tile; ++q) {
      const std::size_t position = firstPosition + first + q;
      const std::span<float> row(block.data + q * seen, seen);
      const std::size_t low = firstSeen(attention, position) - begin;
      const std::size_t high = position + 1 - begin;
      std::fill(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(low), 0.0F);
      softmax(row.subspan(low, high - low), static_cast<float>(attention.scoreScale), attention.softCap);
      std::fill(row.begin() + static_cast<std::ptrdiff_t>(high), row.end(), 0.0F);
    }
    multiply({block.data, tile, seen, seen}, {values.data + begin * values.stride, seen, headDim, values.stride},
             {out + first * outStride, tile, headDim, outStride});
  }
}

}  // namespace qs
