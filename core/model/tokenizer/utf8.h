#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace qs {

/// Offset of the first byte that isn't valid UTF-8 (overlong forms and surrogates are not), or nothing.
[[nodiscard]] std::optional<std::size_t> firstInvalidUtf8(std::string_view text);
/// Bytes of the valid character at the start of a text that isn't empty; 0 where there is none.
[[nodiscard]] std::size_t validUtf8Length(std::string_view text);
/// Bytes of the character that begins with `lead`, in valid UTF-8.
[[nodiscard]] constexpr std::size_t utf8Length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}
void appendUtf8(char32_t character, std::string& text);
/// The character at the start of a text that isn't empty; U+FFFD where that isn't valid UTF-8.
[[nodiscard]] char32_t firstCharacter(std::string_view text);
/// The text with every byte that isn't part of valid UTF-8 replaced by U+FFFD.
[[nodiscard]] std::string replaceInvalidUtf8(std::string_view text);

}  // namespace qs
