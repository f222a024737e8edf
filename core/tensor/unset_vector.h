#pragma once

#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace qs {

/// Leaves new values unset where a container would make them zero.
template <typename T>
struct UnsetAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = UnsetAllocator<U>;
  };
  template <typename U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Args>
  void construct(U* at, Args&&... args) {
    std::construct_at(at, std::forward<Args>(args)...);
  }
};

/// For who sets every value at once: large arrays are not touched twice.
template <typename T>
using UnsetVector = std::vector<T, UnsetAllocator<T>>;

}  // namespace qs
