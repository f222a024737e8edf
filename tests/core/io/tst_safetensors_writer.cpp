#include <QtTest>

#include <sys/resource.h>

#include <csignal>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/io/formats/safetensors_writer.h"
#include "core/io/output_folder.h"
#include "core/io/reader_registry.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

namespace fs = std::filesystem;

std::span<const std::byte> asBytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::vector<std::string> namesIn(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void writeOne(const fs::path& path, bool replace, const std::string& data = "abcd") {
  const std::vector<PlannedTensor> plan{{"w", DType::F32, {data.size() / 4}}};
  SafetensorsWriter writer(path, plan, {}, replace);
  writer.append("w", asBytes(data));
  writer.commit();
}

}  // namespace

class TestSafetensorsWriter : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void theBytesAreThoseOfTheSpecification() {
    const TempFolder folder;
    const std::vector<PlannedTensor> plan{
        {"b", DType::I8, {3}}, {"a", DType::F16, {1}}, {"z", DType::F32, {1}}, {"c", DType::F32, {0, 2}}};
    SafetensorsWriter writer(folder.path() / "x.safetensors", plan, {{"k", "v"}}, false);
    writer.append("b", asBytes("xy"));
    writer.append("z", asBytes("wwww"));
    writer.append("b", asBytes("!"));
    writer.append("a", asBytes("hh"));
    writer.commit();
    std::string header = R"({"__metadata__":{"format":"pt","k":"v"},)"
                         R"("c":{"dtype":"F32","shape":[0,2],"data_offsets":[0,0]},)"
                         R"("z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                         R"("a":{"dtype":"F16","shape":[1],"data_offsets":[4,6]},)"
                         R"("b":{"dtype":"I8","shape":[3],"data_offsets":[6,9]}})";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    QCOMPARE(readFile(folder.path() / "x.safetensors"), safetensorsBytes(header, "wwwwhhxy!"));
    QCOMPARE(writer.fileBytes(), static_cast<std::uint64_t>(8 + header.size() + 9));
  }

  void largeTensorsStandOnWholeBlocks() {
    const TempFolder folder;
    const std::vector<PlannedTensor> plan{{"few", DType::I64, {3}}, {"many", DType::I32, {64, 1024}}};
    SafetensorsWriter writer(folder.path() / "x.safetensors", plan, {}, false);
    const std::string many(64 * 1024 * 4, 'm');
    writer.append("many", asBytes(many));
    writer.append("few", asBytes(std::string(24, 'f')));
    writer.commit();
    const std::string file = readFile(folder.path() / "x.safetensors");
    QCOMPARE(file.find('m', file.size() - many.size() - 24) % 4096, std::size_t{0});
    QCOMPARE(file.substr(file.size() - many.size() - 24), std::string(24, 'f') + many);
    const auto model = openCheckpoint(folder.path() / "x.safetensors");
    QCOMPARE(model->require("many").info.shape, (Shape{64, 1024}));
  }

  void itIsReadWhileItIsWritten() {
    const TempFolder folder;
    const std::string known = bytesOf(3.0F);
    const auto bytes = asBytes(known);
    const std::vector<PlannedTensor> plan{{"known", DType::F32, {1}, {bytes.begin(), bytes.end()}},
                                          {"w", DType::F32, {2}}};
    SafetensorsWriter writer(folder.path() / "x.safetensors", plan, {}, false);
    writer.appear();
    const auto model = openCheckpoint(folder.path() / "x.safetensors");
    QCOMPARE(model->load(model->require("known")), Matrix(1, 1, {3.0F}));
    writer.append("w", asBytes(bytesOf(1.5F) + bytesOf(-2.0F)));
    QCOMPARE(model->load(model->require("w")), Matrix(1, 2, {1.5F, -2.0F}));
    QVERIFY_EXCEPTION_THROWN(writer.commit(), Error);  // what is known has to be appended all the same
    writer.append("known", bytes);
    writer.commit();
    QCOMPARE(namesIn(folder.path()), std::vector<std::string>{"x.safetensors"});
  }

  void whatIsWrittenIsReadBack() {
    const TempFolder folder;
    writeOne(folder.path() / "x.safetensors", false, bytesOf(1.5F) + bytesOf(-2.0F));
    const auto model = openCheckpoint(folder.path() / "x.safetensors");
    QCOMPARE(model->load(model->require("w")), Matrix(1, 2, {1.5F, -2.0F}));
    QCOMPARE(model->contents().metadata.at("format"), std::string("pt"));
  }

  void aPlanThatBreaksARuleIsRefused_data() {
    QTest::addColumn<int>("which");
    QTest::newRow("a name twice") << 0;
    QTest::newRow("the reserved name") << 1;
    QTest::newRow("a dtype of another format") << 2;
    QTest::newRow("an element count that overflows") << 3;
    QTest::newRow("half a byte") << 4;
    QTest::newRow("a name that is not UTF-8") << 5;
  }

  void aPlanThatBreaksARuleIsRefused() {
    QFETCH(int, which);
    const std::vector<std::vector<PlannedTensor>> plans{{{"w", DType::F32, {1}}, {"w", DType::F32, {1}}},
                                                        {{"__metadata__", DType::F32, {1}}},
                                                        {{"w", DType::Q4_0, {32}}},
                                                        {{"w", DType::F32, {1ULL << 33U, 1ULL << 33U}}},
                                                        {{"w", DType::F4, {3}}},
                                                        {{"\xFF", DType::F32, {1}}}};
    const TempFolder folder;
    QVERIFY_EXCEPTION_THROWN(
        SafetensorsWriter(folder.path() / "x.safetensors", plans.at(static_cast<std::size_t>(which)), {}, false),
        Error);
    QVERIFY(namesIn(folder.path()).empty());
  }

  void anIncompleteOrOverlongTensorIsRefused() {
    const TempFolder folder;
    {
      const std::vector<PlannedTensor> plan{{"w", DType::F32, {2}}};
      SafetensorsWriter writer(folder.path() / "x.safetensors", plan, {}, false);
      writer.append("w", asBytes("1234"));
      QVERIFY_EXCEPTION_THROWN(writer.commit(), Error);
      QVERIFY_EXCEPTION_THROWN(writer.append("w", asBytes("12345")), Error);
      QVERIFY_EXCEPTION_THROWN(writer.append("v", asBytes("1")), Error);
    }
    QVERIFY(namesIn(folder.path()).empty());
  }

  void withoutCommitNothingStays() {
    const TempFolder folder;
    {
      const std::vector<PlannedTensor> plan{{"w", DType::F32, {1}}};
      SafetensorsWriter writer(folder.path() / "x.safetensors", plan, {}, false);
      writer.append("w", asBytes("1234"));
      QVERIFY(!fs::exists(folder.path() / "x.safetensors"));
      QCOMPARE(namesIn(folder.path()).size(), std::size_t{1});
    }
    QVERIFY(namesIn(folder.path()).empty());
  }

  void anExistingFileIsReplacedOnlyWhenAsked() {
    const TempFolder folder;
    const fs::path path = folder.path() / "x.safetensors";
    writeOne(path, false);
    const std::string before = readFile(path);
    try {
      writeOne(path, false, "efgh");
      QFAIL("replaced");
    } catch (const Error& error) {
      QVERIFY(error.kind() == ErrorKind::Request);
    }
    QCOMPARE(readFile(path), before);
    const auto opened = openCheckpoint(path);  // a mapped file may be replaced under its reader
    writeOne(path, true, "efghijkl");
    QVERIFY(readFile(path).ends_with("efghijkl"));
    QCOMPARE(opened->require("w").info.bytes, std::uint64_t{4});
    QCOMPARE(namesIn(folder.path()), std::vector<std::string>{"x.safetensors"});
  }

  void aMissingFolderIsAFailureThatNamesThePath() {
    const TempFolder folder;
    try {
      writeOne(folder.path() / "missing" / "x.safetensors", false);
      QFAIL("written");
    } catch (const Error& error) {
      QVERIFY(error.kind() == ErrorKind::Failed);
      QVERIFY(std::string(error.what()).find("missing/x.safetensors") != std::string::npos);
    }
  }

  // A limit on the size of files fails a write just as a full disk does.
  void aFileThatDoesNotFitFailsAndLeavesNothing() {
    const TempFolder folder;
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{4096, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    std::string message;
    try {
      writeOne(folder.path() / "x.safetensors", false, std::string(40'000, 'x'));
    } catch (const Error& error) {
      message = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &before);
    QVERIFY2(message.find("x.safetensors") != std::string::npos, message.c_str());
    QVERIFY(namesIn(folder.path()).empty());
  }

  void aFolderAppearsAsAWhole() {
    const TempFolder folder;
    const fs::path path = folder.path() / "out";
    {
      const OutputFolder dropped(path, false);
      folder.write(dropped.inside().filename().string() + "/a", "1");
    }
    QVERIFY(namesIn(folder.path()).empty());
    OutputFolder first(path / "", false);
    folder.write(first.inside().filename().string() + "/config.json", "{}");
    QVERIFY(!fs::exists(path));
    first.commit();
    QCOMPARE(namesIn(path), std::vector<std::string>{"config.json"});
    QVERIFY_EXCEPTION_THROWN(OutputFolder(path, false), Error);
    OutputFolder second(path, true);
    folder.write(second.inside().filename().string() + "/b", "2");
    second.commit();
    QCOMPARE(namesIn(path), std::vector<std::string>{"b"});
    QCOMPARE(namesIn(folder.path()), std::vector<std::string>{"out"});
  }

  // What no export wrote is not an export's to replace.
  void aFolderOfOtherThingsIsNotReplaced() {
    const TempFolder folder;
    folder.write("notes/precious.txt", "1");
    QVERIFY_EXCEPTION_THROWN(OutputFolder(folder.path() / "notes", true), Error);
    folder.write("nested/config.json", "{}");
    folder.write("nested/inner/x", "1");
    QVERIFY_EXCEPTION_THROWN(OutputFolder(folder.path() / "nested", true), Error);
    folder.write("export/config.json", "{}");
    const fs::path before = fs::current_path();
    fs::current_path(folder.path() / "export");
    QVERIFY_EXCEPTION_THROWN(OutputFolder(".", true), Error);
    QVERIFY_EXCEPTION_THROWN(OutputFolder("../export", true), Error);
    fs::current_path(before);
    QCOMPARE(namesIn(folder.path()), (std::vector<std::string>{"export", "nested", "notes"}));
    QCOMPARE(namesIn(folder.path() / "notes"), std::vector<std::string>{"precious.txt"});
  }
};

QTEST_APPLESS_MAIN(TestSafetensorsWriter)
#include "tst_safetensors_writer.moc"
