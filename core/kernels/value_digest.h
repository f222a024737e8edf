#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace qs {

/// A 64-bit checksum of float values, faster than memory, by which two ways of getting the same values are compared; −0
/// counts as 0. It depends on the values and their order only: not on how they were handed over, nor on the machine.
/// Any one changed value changes it; it is no secret. (Products of keyed halves, summed: the NH of UMAC, RFC 4418.)
class ValueDigest {
 public:
  /// Values that are mixed at a time.
  static constexpr std::size_t kStripe = 16;

  void add(std::span<const float> values);
  [[nodiscard]] std::uint64_t value() const;

 private:
  std::array<std::uint64_t, kStripe / 2> m_sums{};
  std::array<float, kStripe> m_pending{};  // values that don't fill a stripe yet; zeros behind them
  std::uint64_t m_count = 0;
};

}  // namespace qs
