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

void Hash64::mix(const std::byte* block, Lanes& lanes) {
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::uint64_t word = 0;
    std::memcpy(&word, block + 8 * lane, sizeof(word));
    lanes[lane] = std::rotl(lanes[lane] ^ (word * kMultiplier), 29) * 5 + 0x52DCE729U;
  }
}

void Hash64::add(std::span<const std::byte> bytes) {
  if (const std::size_t held = m_length % kBlock; held > 0) {
    const std::size_t count = std::min(kBlock - held, bytes.size());
    std::copy_n(bytes.begin(), count, m_pending.begin() + static_cast<std::ptrdiff_t>(held));
    m_length += count;
    if (held + count < kBlock) return;
    mix(m_pending.data(), m_lanes);
    m_pending.fill(std::byte{0});
    bytes = bytes.subspan(count);
  }
  m_length += bytes.size();
  Lanes lanes = m_lanes;
  for (; bytes.size() >= kBlock; bytes = bytes.subspan(kBlock)) mix(bytes.data(), lanes);
  m_lanes = lanes;
  std::copy(bytes.begin(), bytes.end(), m_pending.begin());
}

void Hash64::add(std::string_view text) {
  add(static_cast<std::uint64_t>(text.size()));
  add(std::as_bytes(std::span(text.data(), text.size())));
}

void Hash64::add(std::uint64_t number) { add(std::as_bytes(std::span(&number, 1))); }

std::uint64_t Hash64::value() const {
  Lanes lanes = m_lanes;
  mix(m_pending.data(), lanes);
  std::uint64_t sum = m_length;
  for (const std::uint64_t lane : lanes) sum = scrambled(sum ^ scrambled(lane + kMultiplier));
  return sum;
}

std::string Hash64::toText() const {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(value() >> static_cast<unsigned>(shift)) & 15U];
  return text;
}

}  // namespace qs
