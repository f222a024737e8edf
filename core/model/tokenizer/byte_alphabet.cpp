#include "core/model/tokenizer/byte_alphabet.h"

#include <algorithm>
#include <array>

#include "core/model/tokenizer/utf8.h"

namespace qs {

namespace {

struct Alphabet {
  std::array<char32_t, 256> characters{};
  std::array<std::string, 256> texts;
  std::array<int, 0x180> bytes{};  ///< by character; −1 = not in the alphabet

  Alphabet() {
    bytes.fill(-1);
    char32_t spare = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      characters[byte] = printable ? static_cast<char32_t>(byte) : spare++;
      appendUtf8(characters[byte], texts[byte]);
      bytes[characters[byte]] = static_cast<int>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet table;
  return table;
}

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

}  // namespace

const std::string& byteCharacter(unsigned char byte) { return alphabet().texts[byte]; }

std::string toByteAlphabet(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += byteCharacter(static_cast<unsigned char>(byte));
  return text;
}

std::string fromByteAlphabet(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::max<std::size_t>(validUtf8Length(text.substr(at)), 1);
    const char32_t character = firstCharacter(text.substr(at, length));
    const int byte = character < alphabet().bytes.size() ? alphabet().bytes[character] : -1;
    if (byte >= 0) {
      bytes.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
    } else {
      bytes += text.substr(at, length);
    }
    at += length;
  }
  return bytes;
}

std::optional<unsigned char> fallbackByte(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return std::nullopt;
  const std::size_t high = kHexDigits.find(token[3]);
  const std::size_t low = kHexDigits.find(token[4]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned char>(16 * high + low);
}

std::string fallbackToken(unsigned char byte) {
  return std::string("<0x") + kHexDigits[byte >> 4U] + kHexDigits[byte & 15U] + ">";
}

}  // namespace qs
