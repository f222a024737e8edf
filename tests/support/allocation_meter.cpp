#include "tests/support/allocation_meter.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> g_live{0};
std::atomic<std::uint64_t> g_peak{0};

void* counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  const std::uint64_t live = g_live += malloc_usable_size(memory);
  std::uint64_t peak = g_peak;
  while (live > peak && !g_peak.compare_exchange_weak(peak, live)) {
  }
  return memory;
}

void discard(void* memory) {
  g_live -= malloc_usable_size(memory);
  std::free(memory);
}

void* allocate(std::size_t size) { return std::malloc(size == 0 ? 1 : size); }

void* allocate(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(step, (size + step - 1) / step * step);
}

void* countedOrNull(void* memory) noexcept { return memory == nullptr ? nullptr : counted(memory); }

}  // namespace

// Every form, because a sanitizer brings forms of its own, and what one allocates another may not free.
void* operator new(std::size_t size) { return counted(allocate(size)); }
void* operator new[](std::size_t size) { return counted(allocate(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return countedOrNull(allocate(size)); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return countedOrNull(allocate(size)); }
void* operator new(std::size_t size, std::align_val_t alignment) { return counted(allocate(size, alignment)); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return counted(allocate(size, alignment)); }
void operator delete(void* memory) noexcept { discard(memory); }
void operator delete[](void* memory) noexcept { discard(memory); }
void operator delete(void* memory, std::size_t) noexcept { discard(memory); }
void operator delete[](void* memory, std::size_t) noexcept { discard(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { discard(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { discard(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { discard(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { discard(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { discard(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { discard(memory); }

namespace qs::test {

void measureAllocations(std::uint64_t& peakBytes, const std::function<void()>& work) {
  const std::uint64_t before = g_live;
  g_peak = before;
  try {
    work();
  } catch (...) {
    peakBytes = g_peak - before;
    throw;
  }
  peakBytes = g_peak - before;
}

}  // namespace qs::test
