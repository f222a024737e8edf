#include "app/cli/printable.h"

namespace qs::cli {

namespace {

std::string hex(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {kDigits[byte >> 4U], kDigits[byte & 15U]};
}

std::string escaped(unsigned char control) {
  switch (control) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return "\\x" + hex(control);
  }
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr unsigned char kDelete = 0x7F;
  constexpr unsigned char kLead = 0xC2;  // of U+0080 to U+00BF
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte < 0x20 || byte == kDelete) {
      result += escaped(byte);
    } else if (byte == kLead && next >= 0x80 && next <= 0x9F) {
      result += "\\u00" + hex(next);
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace qs::cli
