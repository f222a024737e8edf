#include <QtTest>

#include <cstdint>
#include <fstream>
#include <memory>

#include "core/base/large_allocations.h"

namespace {

constexpr std::size_t kSize = std::size_t{64} << 20U;

// Pages of this process in memory, in bytes.
std::size_t residentBytes() {
  std::ifstream status("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  status >> all >> resident;
  return resident * 4096;
}

// Its address, after every page of it was touched and it was freed.
std::uintptr_t usedAndFreed(std::size_t size) {
  const auto block = std::make_unique_for_overwrite<char[]>(size);
  for (std::size_t i = 0; i < size; i += 4096) block[i] = 1;
  return reinterpret_cast<std::uintptr_t>(block.get());
}

}  // namespace

class TestLargeAllocations : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    QSKIP("the sanitizers bring their own allocation");
#endif
  }
  void cleanup() {
    qs::freeIdleMemory();
    qs::freeIdleMemory();
  }

  void aFreedBlockServesTheNextRequest() {
    const std::uintptr_t first = usedAndFreed(kSize);
    QCOMPARE(usedAndFreed(kSize), first);
    QCOMPARE(usedAndFreed(kSize / 2), first);
  }

  void aMuchLargerOneDoesNot() {
    const std::uintptr_t first = usedAndFreed(kSize);
    QVERIFY(usedAndFreed(kSize / 8) != first);
  }

  void whatIsIdleIsGivenBack() {
    const std::size_t before = residentBytes();
    usedAndFreed(kSize);
    qs::freeIdleMemory();
    QVERIFY(residentBytes() > before + kSize / 2);  // it may be wanted still
    qs::freeIdleMemory();
    QVERIFY(residentBytes() < before + kSize / 2);
  }

  void whatIsUsedIsNot() {
    const std::uintptr_t first = usedAndFreed(kSize);
    for (int i = 0; i < 3; ++i) {
      qs::freeIdleMemory();
      QCOMPARE(usedAndFreed(kSize), first);
    }
  }
};

QTEST_APPLESS_MAIN(TestLargeAllocations)
#include "tst_large_allocations.moc"
