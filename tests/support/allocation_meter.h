#pragma once

#include <cstdint>
#include <functional>

namespace qs::test {

/// What `work` holds at its peak beyond what is held before, in bytes of operator new (all threads). Exceptions pass
/// through after `peakBytes` is set.
void measureAllocations(std::uint64_t& peakBytes, const std::function<void()>& work);

/// What opening a file may take, however the file lies: four times its size, and what a small one takes anyway.
inline constexpr std::uint64_t kSmallFileAllowance = std::uint64_t{256} << 10U;
[[nodiscard]] constexpr std::uint64_t mostMemoryFor(std::uint64_t fileBytes) {
  return 4 * fileBytes + kSmallFileAllowance;
}

}  // namespace qs::test
