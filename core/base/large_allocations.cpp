// Large blocks on huge pages: weights come in matrices of tens of megabytes, and touching such a block for the first
// time costs a page fault for every 4 KiB of it, which took longer than rounding the weights that went there.
// The sanitizers bring their own allocation.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <sys/mman.h>

#include <cstdlib>
#include <new>

// NOLINTBEGIN(cppcoreguidelines-no-malloc): this is what allocates
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;
constexpr std::size_t kLarge = 2 * kHugePage;

void* allocate(std::size_t size) {
  if (size < kLarge) return std::malloc(size > 0 ? size : 1);
  const std::size_t whole = (size + kHugePage - 1) / kHugePage * kHugePage;
  void* const memory = whole >= size ? std::aligned_alloc(kHugePage, whole) : nullptr;
  if (memory != nullptr) madvise(memory, size, MADV_HUGEPAGE);  // a wish: without huge pages nothing is lost
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  for (;;) {
    if (void* const memory = allocate(size)) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND(cppcoreguidelines-no-malloc)
#endif
