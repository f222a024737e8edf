#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qs {

inline constexpr std::size_t kCountedCodes = 16;

/// How often each code of at most four bits occurs in each group of `groupLength` codes (the last may be shorter):
/// counts[g · 16 + code & 15], so that −1 counts as 15. `counts` holds 16 numbers a group; what it held is gone.
void countCodes(std::span<const std::uint8_t> codes, std::size_t groupLength, std::span<std::uint32_t> counts);

}  // namespace qs
