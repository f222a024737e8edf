// Large blocks on huge pages, and some of them kept for who asks next: weights and a model's hidden states come in
// matrices of tens of megabytes, made and dropped all the time, and the first touch of such a block costs a page fault
// for every 4 KiB, or the clearing of a huge page: an eighth of a forward pass. The sanitizers bring their own
// allocation.
#include "core/base/large_allocations.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <malloc.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

// NOLINTBEGIN(cppcoreguidelines-no-malloc): this is what allocates
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;
constexpr std::size_t kLarge = 2 * kHugePage;
constexpr std::size_t kMostKept = std::size_t{640} << 20;

/// Freed large blocks, the oldest first.
class KeptBlocks {
 public:
  /// The smallest block of at least `size` bytes and at most three times as many; null without one.
  void* take(std::size_t size) {
    const std::lock_guard lock(m_mutex);
    std::size_t best = m_count;
    for (std::size_t i = 0; i < m_count; ++i)
      if (m_blocks[i].size >= size && m_blocks[i].size / 3 <= size &&
          (best == m_count || m_blocks[i].size < m_blocks[best].size))
        best = i;
    return best == m_count ? nullptr : remove(best);
  }
  /// Whether there was one to give back to the system.
  bool freeOldest() {
    const std::lock_guard lock(m_mutex);
    if (m_count == 0) return false;
    std::free(remove(0));
    return true;
  }
  void freeIdle() {
    const std::lock_guard lock(m_mutex);
    while (m_count > 0 && m_blocks[0].isIdle) std::free(remove(0));
    for (std::size_t i = 0; i < m_count; ++i) m_blocks[i].isIdle = true;
  }
  /// Frees the oldest ones to make room for it.
  void keep(void* memory, std::size_t size) {
    if (size > kMostKept) return std::free(memory);
    const std::lock_guard lock(m_mutex);
    while (m_count == m_blocks.size() || m_bytes + size > kMostKept) std::free(remove(0));
    m_blocks[m_count++] = {memory, size, false};
    m_bytes += size;
  }

 private:
  struct Block {
    void* memory;
    std::size_t size;
    bool isIdle;  // kept since before the last freeIdle()
  };
  void* remove(std::size_t index) {
    const Block removed = m_blocks[index];
    for (std::size_t i = index + 1; i < m_count; ++i) m_blocks[i - 1] = m_blocks[i];
    --m_count;
    m_bytes -= removed.size;
    return removed.memory;
  }

  std::mutex m_mutex;
  std::array<Block, 64> m_blocks{};
  std::size_t m_count = 0;
  std::size_t m_bytes = 0;
};

constinit KeptBlocks kept;

constexpr int kMostSmallKept = 64 << 20;  // of each of the C library's heaps
// Smaller blocks: the C library keeps what was freed at a heap's end, too, rather than to clear it anew each time.
[[maybe_unused]] const bool kKeepsSmallBlocks =
    mallopt(M_TRIM_THRESHOLD, kMostSmallKept) != 0 && mallopt(M_MMAP_THRESHOLD, static_cast<int>(kLarge)) != 0;

void* allocate(std::size_t size) {
  if (size < kLarge) return std::malloc(size > 0 ? size : 1);
  const std::size_t whole = (size + kHugePage - 1) / kHugePage * kHugePage;
  if (whole < size) return nullptr;
  if (void* const again = kept.take(whole)) return again;
  void* const memory = std::aligned_alloc(kHugePage, whole);
  if (memory != nullptr) madvise(memory, size, MADV_HUGEPAGE);  // a wish: without huge pages nothing is lost
  return memory;
}

void release(void* memory) {
  if (memory != nullptr && reinterpret_cast<std::uintptr_t>(memory) % kHugePage == 0)
    if (const std::size_t size = malloc_usable_size(memory); size >= kLarge) return kept.keep(memory, size);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
  for (;;) {
    if (void* const memory = allocate(size)) return memory;
    if (kept.freeOldest()) continue;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
// NOLINTEND(cppcoreguidelines-no-malloc)

void qs::freeIdleMemory() {
  kept.freeIdle();
  malloc_trim(0);
}
#else
void qs::freeIdleMemory() {}
#endif
