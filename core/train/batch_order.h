#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace qs {

/// The windows of training step `step` (from 0): every window once an epoch, each epoch in another order that follows
/// from the seed alone, so that a resumed training goes on as it would have.
[[nodiscard]] std::vector<std::size_t> batchOf(std::size_t step, std::size_t batch, std::size_t windows,
                                               std::uint64_t seed);

}  // namespace qs
