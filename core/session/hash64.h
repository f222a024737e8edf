#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace qs {

/// A 64-bit checksum, eight bytes a step: for damage and identity, not for secrets. The sum depends on the bytes only,
/// not on how they were handed over.
class Hash64 {
 public:
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text);
  void add(std::uint64_t number);
  [[nodiscard]] std::uint64_t value() const;
  /// Sixteen hexadecimal digits.
  [[nodiscard]] std::string toText() const;

 private:
  void mix(std::uint64_t word);

  std::uint64_t m_state = 0x9E3779B97F4A7C15U;
  std::uint64_t m_pending = 0;  // bytes that don't fill a word yet
  std::uint64_t m_length = 0;
};

}  // namespace qs
