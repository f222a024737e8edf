#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor/dtype.h"

namespace qs {

/// How often each bit pattern of a 16-bit type occurs: exact, needs no range beforehand, and every histogram follows
/// from it. For fewer than 2^32 values.
class RawBitCounts {
 public:
  static constexpr std::size_t kPatterns = 65536;

  RawBitCounts();
  /// Counts 16-bit elements, possibly misaligned.
  void add(std::span<const std::byte> bytes);
  void merge(const RawBitCounts& other);
  [[nodiscard]] std::uint64_t count(std::size_t pattern) const;
  /// Adds to counts[i] how many of the values, stored as F16 or BF16, lie in bin i by the rule of binOf.
  void addTo(DType type, double low, double high, std::span<std::uint64_t> counts) const;

 private:
  void addChunk(std::span<const std::byte> bytes);

  std::vector<std::uint32_t> m_tables;  // two: equal neighbours would wait for each other
};

}  // namespace qs
