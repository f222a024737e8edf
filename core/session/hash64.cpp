#include "core/session/hash64.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace qs {

namespace {

constexpr std::uint64_t kMultiplier = 0xD6E8FEB86659FD93U;

std::uint64_t scrambled(std::uint64_t x) {
  x = (x ^ (x >> 32U)) * kMultiplier;
  x = (x ^ (x >> 32U)) * kMultiplier;
  return x ^ (x >> 32U);
}

}  // namespace

void Hash64::mix(std::uint64_t word) { m_state = std::rotl(m_state ^ (word * kMultiplier), 29) * 5 + 0x52DCE729U; }

void Hash64::add(std::span<const std::byte> bytes) {
  std::size_t i = 0;
  while (i < bytes.size() && (m_length % 8 != 0 || bytes.size() - i < 8)) {
    m_pending |= static_cast<std::uint64_t>(bytes[i++]) << (8 * (m_length % 8));
    if (++m_length % 8 == 0) {
      mix(m_pending);
      m_pending = 0;
    }
  }
  while (bytes.size() - i >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    mix(word);
    i += 8;
    m_length += 8;
  }
  if (i < bytes.size()) add(bytes.subspan(i));
}

void Hash64::add(std::string_view text) {
  add(static_cast<std::uint64_t>(text.size()));
  add(std::as_bytes(std::span(text.data(), text.size())));
}

void Hash64::add(std::uint64_t number) { add(std::as_bytes(std::span(&number, 1))); }

std::uint64_t Hash64::value() const { return scrambled(m_state ^ scrambled(m_pending + kMultiplier) ^ m_length); }

std::string Hash64::toText() const {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(value() >> static_cast<unsigned>(shift)) & 15U];
  return text;
}

}  // namespace qs
