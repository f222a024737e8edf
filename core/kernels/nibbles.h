#pragma once

#include <cstdint>
#include <span>

namespace qs {

/// Packs 4-bit codes two a byte, the first in the low half; bits above the fourth are dropped. An odd last code stands
/// alone. `packed` has (codes.size() + 1) / 2 bytes.
void packNibbles(std::span<const std::uint8_t> codes, std::span<std::uint8_t> packed);

/// The inverse; codes from 8 on become negative (two's complement) with `isSigned`.
void unpackNibbles(std::span<const std::uint8_t> packed, bool isSigned, std::span<std::uint8_t> codes);

}  // namespace qs
