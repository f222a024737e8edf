#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace qs {

/// A 64-bit checksum in four lanes of eight bytes, near memory speed: for damage and identity, not for secrets. The sum
/// depends on the bytes only, not on how they were handed over.
class Hash64 {
 public:
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text);
  void add(std::uint64_t number);
  [[nodiscard]] std::uint64_t value() const;
  /// Sixteen hexadecimal digits.
  [[nodiscard]] std::string toText() const;

 private:
  static constexpr std::size_t kLanes = 4;
  static constexpr std::size_t kBlock = 8 * kLanes;
  using Lanes = std::array<std::uint64_t, kLanes>;

  static void mix(const std::byte* block, Lanes& lanes);

  Lanes m_lanes{0x9E3779B97F4A7C15U, 0xC2B2AE3D27D4EB4FU, 0x165667B19E3779F9U, 0x27D4EB2F165667C5U};
  std::array<std::byte, kBlock> m_pending{};  // bytes that don't fill a block yet; zeros behind them
  std::uint64_t m_length = 0;
};

}  // namespace qs
