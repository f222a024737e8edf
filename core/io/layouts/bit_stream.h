#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qs {

/// 32-bit words that a little-endian stream of `count` fields of `bits` bits takes.
[[nodiscard]] constexpr std::size_t wordsOfFields(std::size_t count, int bits) {
  return (count * static_cast<std::size_t>(bits) + 31) / 32;
}

/// Field i occupies stream bits i·bits … i·bits+bits−1; a field may straddle two words. Fields are masked to their
/// width. `words` has wordsOfFields(fields.size(), bits) entries, `stride` apart.
void packFields(std::span<const std::uint8_t> fields, int bits, std::uint32_t* words, std::size_t stride = 1);

/// The inverse of packFields.
void unpackFields(const std::uint32_t* words, std::size_t stride, int bits, std::span<std::uint8_t> fields);

}  // namespace qs
