#include "core/kernels/finite.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/stats_simd.h"

namespace qs {

namespace {

constexpr std::size_t kTile = std::size_t{1} << 18;

std::string nameOf(float value) { return std::isnan(value) ? "NaN" : value > 0 ? "infinity" : "-infinity"; }

}  // namespace

std::optional<std::size_t> findNonFinite(std::span<const float> values) {
  constexpr std::size_t kBlock = 4096;
  for (std::size_t first = 0; first < values.size(); first += kBlock) {
    const auto block = values.subspan(first, std::min(kBlock, values.size() - first));
    if (simd::allFinite(block.data(), block.size())) continue;
    const auto found = std::find_if(block.begin(), block.end(), [](float value) { return !std::isfinite(value); });
    return first + static_cast<std::size_t>(found - block.begin());
  }
  return std::nullopt;
}

void requireFinite(const std::string& tensor, MatrixView values, const RunContext& context) {
  const auto all = values.values();
  const std::size_t tiles = (all.size() + kTile - 1) / kTile;
  std::vector<std::optional<std::size_t>> found(tiles);
  parallelFor(context, tiles, [&](std::size_t tile) {
    found[tile] = findNonFinite(all.subspan(tile * kTile, std::min(kTile, all.size() - tile * kTile)));
  });
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    if (!found[tile]) continue;
    const std::size_t index = tile * kTile + *found[tile];
    throw inputError(tensor, "expected finite values, got " + nameOf(all[index]) + " at [" +
                                 std::to_string(index / values.cols) + ", " + std::to_string(index % values.cols) +
                                 "]");
  }
}

}  // namespace qs
