#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace qs {

/// The printable characters that stand for the 256 bytes in byte-level BPE (GPT-2's encoder.py), as UTF-8.
[[nodiscard]] const std::string& byteCharacter(unsigned char byte);
/// Every byte of `bytes` as its character.
[[nodiscard]] std::string toByteAlphabet(std::string_view bytes);
/// The bytes that the characters stand for; a character outside the alphabet, or a byte that isn't
/// part of valid UTF-8, stands for itself.
[[nodiscard]] std::string fromByteAlphabet(std::string_view text);
/// The byte of a byte-fallback token "<0x0A>".
[[nodiscard]] std::optional<unsigned char> fallbackByte(std::string_view token);
/// The byte-fallback token of a byte.
[[nodiscard]] std::string fallbackToken(unsigned char byte);

}  // namespace qs
