#include <QtTest>

#include <algorithm>
#include <string>
#include <thread>

#include "core/base/error.h"
#include "core/io/direct_file.h"
#include "core/io/mapped_file.h"
#include "core/io/output_file.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

namespace fs = std::filesystem;

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761U >> 13U);
  return text;
}

void writePart(const OutputFile& file, const std::string& text, std::size_t first, std::size_t last) {
  file.writeAt(first, std::as_bytes(std::span(text)).subspan(first, last - first));
}

}  // namespace

// Large parts go to the disk past the page cache, in whole blocks; what stands between blocks goes through it.
class TestOutputFile : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void partsOfAnyPlaceAndLengthMakeTheFile_data() {
    QTest::addColumn<qulonglong>("cut");
    QTest::addColumn<bool>("pastCache");
    for (const qulonglong cut : {0ULL, 1ULL, 4095ULL, 4096ULL, 4097ULL, 1234567ULL, 8388608ULL}) {
      QTest::addRow("cut at %llu, past the cache", cut) << cut << true;
      QTest::addRow("cut at %llu, through it", cut) << cut << false;  // as where the system refuses
    }
  }
  void partsOfAnyPlaceAndLengthMakeTheFile() {
    QFETCH(const qulonglong, cut);
    QFETCH(const bool, pastCache);
    const TempFolder folder;
    const fs::path path = folder.path() / "x";
    const std::string text = pattern(9'999'999);
    for (const bool isAtOnce : {false, true}) {
      OutputFile file(path, false, pastCache ? text.size() : 0);
      std::jthread other;
      const auto second = [&] { writePart(file, text, cut, text.size()); };
      if (isAtOnce)
        other = std::jthread(second);
      else
        second();
      writePart(file, text, 0, cut);
      if (other.joinable()) other.join();
      file.commit();
      QVERIFY(readFile(path) == text);
      const std::optional<FileBytes> read = FileBytes::read(path);
      QVERIFY(read && read->text() == text);
      fs::remove(path);
    }
  }

  void wholeFilesAreReadWhateverTheirLength() {
    const TempFolder folder;
    for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{4096}, kDirectLeast, kDirectLeast + 1}) {
      const std::string text = pattern(size);
      fs::remove(folder.path() / "x");
      writeOutputFile(folder.path() / "x", text, false);
      const std::optional<FileBytes> read = FileBytes::read(folder.path() / "x");
      QVERIFY(read && read->text() == text);
    }
    QVERIFY(!FileBytes::read(folder.path() / "absent"));
    QVERIFY(!FileBytes::read(folder.path()));
  }

  void whatIsReadOnceIsWhatStandsThere_data() {
    QTest::addColumn<qulonglong>("first");
    QTest::addColumn<qulonglong>("length");
    for (const qulonglong first : {0ULL, 1ULL, 4096ULL, 8191ULL})  // whole blocks can go past the cache
      for (const qulonglong length : {0ULL, 100ULL, 4096ULL, 1048576ULL, 5000001ULL})
        QTest::addRow("%llu bytes from %llu", length, first) << first << length;
  }
  void whatIsReadOnceIsWhatStandsThere() {
    QFETCH(const qulonglong, first);
    QFETCH(const qulonglong, length);
    const TempFolder folder;
    const std::string text = pattern(5'012'345);
    const fs::path path = folder.write("x", text);
    const auto file = MappedFile::open(path);
    const DirectBuffer aligned(length);
    std::vector<std::byte> other(length + 1);
    for (const std::span<std::byte> out : {aligned.bytes().first(length), std::span(other).subspan(1)}) {
      file->copyOnce(file->bytes(first, length), out);
      QVERIFY(std::ranges::equal(out, std::as_bytes(std::span(text)).subspan(first, length)));
    }
    fs::remove(path);  // the file stays mapped, and its name is another's
    folder.write("x", std::string(text.size(), 'x'));
    file->copyOnce(file->bytes(first, length), aligned.bytes().first(length));
    QVERIFY(std::ranges::equal(aligned.bytes().first(length), std::as_bytes(std::span(text)).subspan(first, length)));
  }

  void aRefusedDirectWriteIsZeroBytes() {
    const TempFolder folder;
    const std::string text = pattern(1 << 20);
    QCOMPARE(DirectWriter(folder.path() / "absent").write(0, std::as_bytes(std::span(text))), std::uint64_t{0});
    const fs::path path = folder.write("x", "");
    QCOMPARE(DirectWriter(path).write(1, std::as_bytes(std::span(text))), std::uint64_t{0});  // between blocks
  }

  void withoutCommitNothingStays() {
    const TempFolder folder;
    {
      const std::string text = pattern(3'000'000);
      const OutputFile file(folder.path() / "x", false, text.size());
      writePart(file, text, 0, text.size());
    }
    QVERIFY(fs::is_empty(folder.path()));
  }
};

QTEST_APPLESS_MAIN(TestOutputFile)
#include "tst_output_file.moc"
