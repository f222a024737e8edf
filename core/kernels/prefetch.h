#pragma once

#include <cstddef>

#include <hwy/cache_control.h>

namespace qs::simd {

/// Asks for `count` bytes that will be read soon, so that memory fetches them meanwhile. They need not exist.
inline void askFor(const std::byte* bytes, std::size_t count) {
  constexpr std::size_t kLine = 64;
  for (std::size_t i = 0; i < count; i += kLine) hwy::Prefetch(bytes + i);
}

}  // namespace qs::simd
