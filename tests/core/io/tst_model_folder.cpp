#include <QtTest>

#include <filesystem>
#include <string>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

namespace fs = std::filesystem;

std::string shard(const std::string& tensor, float value = 1.0F) {
  return safetensorsBytes("{\"" + tensor + "\":" + R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                          bytesOf(value));
}

std::string indexOf(const std::string& weightMap) {
  return R"({"metadata":{"total_size":8},"weight_map":)" + weightMap + "}";
}

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

void writeTwoShards(const TempFolder& folder, const std::string& index) {
  folder.write(kFirst, shard("a"));
  folder.write(kSecond, shard("b", 2.0F));
  folder.write(kIndex, index);
}

std::string openingError(const fs::path& path) {
  try {
    (void)openCheckpoint(path);
    return {};
  } catch (const Error& error) {
    return error.kind() == ErrorKind::Input ? error.what() : "wrong kind: " + std::string(error.what());
  }
}

}  // namespace

class TestModelFolder : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void shardsOpenByTheIndex() {
    const TempFolder folder;
    writeTwoShards(folder,
                   indexOf(R"({"b":"model-00002-of-00002.safetensors","a":"model-00001-of-00002.safetensors"})"));
    folder.write("config.json", R"({"model_type":"llama"})");
    folder.write("tokenizer.json", "{}");
    const auto model = openCheckpoint(folder.path());
    QCOMPARE(model->tensors().size(), std::size_t{2});
    QCOMPARE(model->load(model->require("b"))(0, 0), 2.0F);
    QCOMPARE(model->require("b").file, std::string(kSecond));
    QCOMPARE(model->contents().files.size(), std::size_t{2});
    QVERIFY(model->contents().configJson.find("llama") != std::string::npos);
    QVERIFY(model->contents().tokenizerFolder == folder.path());
    QVERIFY(model->contents().warnings.empty());
  }

  void theSingleFileWinsOverTheIndex() {
    const TempFolder folder;
    writeTwoShards(folder, indexOf(R"({"a":"gone.safetensors"})"));
    folder.write("model.safetensors", shard("single"));
    QVERIFY(openCheckpoint(folder.path())->find("single") != nullptr);
  }

  void shardsOpenWithoutAnIndexToo() {
    const TempFolder folder;
    writeTwoShards(folder, "{}");
    fs::remove(folder.path() / kIndex);
    QCOMPARE(openCheckpoint(folder.path())->tensors().size(), std::size_t{2});
  }

  void whatTheIndexDoesNotListIsLeftOutWithAWarning() {
    const TempFolder folder;
    writeTwoShards(folder, indexOf(R"({"a":"model-00001-of-00002.safetensors"})"));
    folder.write(kFirst, safetensorsBytes(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                          R"("x":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}})",
                                          "1234"));
    const auto model = openCheckpoint(folder.path());
    QCOMPARE(model->tensors().size(), std::size_t{1});
    QCOMPARE(model->contents().warnings.size(), std::size_t{1});
  }

  void aFileTakesTheConfigurationBesideItUnlessItIsAShard() {
    const TempFolder folder;
    writeTwoShards(folder, "{}");
    folder.write("config.json", "{}");
    folder.write("weights.safetensors", shard("w"));
    QCOMPARE(openCheckpoint(folder.path() / "weights.safetensors")->contents().configJson, std::string("{}"));
    QVERIFY(openCheckpoint(folder.path() / kFirst)->contents().configJson.empty());
  }

  void aLyingIndexIsRefused_data() {
    QTest::addColumn<QByteArray>("index");
    QTest::addColumn<QString>("field");
    const auto row = [](const char* name, const std::string& index, const char* field) {
      QTest::newRow(name) << QByteArray::fromStdString(index) << QString(field);
    };
    row("no JSON", "weight_map", "JSON");
    row("an array", "[]", "weight_map");
    row("no weight_map", "{}", "weight_map");
    row("a weight_map that is an array", indexOf("[]"), "weight_map");
    row("an empty weight_map", indexOf("{}"), "weight_map");
    row("a shard name that is a number", indexOf(R"({"a":1})"), "'a'");
    row("a shard name that is null", indexOf(R"({"a":null})"), "'a'");
    row("an empty shard name", indexOf(R"({"a":""})"), "'a'");
    row("the shard name .", indexOf(R"({"a":"."})"), "'a'");
    row("the shard name ..", indexOf(R"({"a":".."})"), "'a'");
    row("a shard above the folder", indexOf(R"({"a":"../model.safetensors"})"), "'a'");
    row("an absolute shard path", indexOf(R"({"a":"/etc/passwd"})"), "'a'");
    row("a shard in a folder below", indexOf(R"({"a":"sub/x.safetensors"})"), "'a'");
    row("a shard name with a backslash", indexOf(R"({"a":"sub\\x.safetensors"})"), "'a'");
    row("a shard name with NUL", indexOf(R"({"a":"x\u0000.safetensors"})"), "'a'");
    row("a missing shard", indexOf(R"({"a":"gone.safetensors"})"), "gone.safetensors");
    row("a shard that is a folder", indexOf(R"({"a":"folder.safetensors"})"), "folder.safetensors");
    row("a shard without the listed tensor", indexOf(R"({"a":"model-00002-of-00002.safetensors"})"), "'a'");
    row("a tensor listed twice", indexOf(R"({"a":"model-00001-of-00002.safetensors","a":"x"})"), "'a'");
    row("a shard that is no safetensors file", indexOf(R"({"a":"broken.safetensors"})"), "broken.safetensors");
    row("nested too deep", std::string(200, '[') + std::string(200, ']'), "nested");
  }

  void aLyingIndexIsRefused() {
    QFETCH(QByteArray, index);
    QFETCH(QString, field);
    const TempFolder folder;
    writeTwoShards(folder, index.toStdString());
    fs::create_directory(folder.path() / "folder.safetensors");
    folder.write("broken.safetensors", "broken");
    const std::string message = openingError(folder.path());
    QVERIFY2(QString::fromStdString(message).contains(field), message.c_str());
    QVERIFY2(message.find(folder.path().string()) != std::string::npos, message.c_str());
  }

  void aBadPathIsNamed_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("a missing file") << "missing.safetensors";
    QTest::newRow("an unknown ending") << "notes.txt";
    QTest::newRow("a folder without weights") << "empty";
    QTest::newRow("a folder with a broken config.json") << "badconfig";
  }

  void aBadPathIsNamed() {
    QFETCH(QString, name);
    const TempFolder folder;
    folder.write("notes.txt", "hello");
    fs::create_directory(folder.path() / "empty");
    folder.write("badconfig/config.json", "{");
    folder.write("badconfig/model.safetensors", shard("a"));
    const std::string message = openingError(folder.path() / name.toStdString());
    QVERIFY2(QString::fromStdString(message).contains(name), message.c_str());
  }

  void oneTensorInTwoFilesIsRefused() {
    const TempFolder folder;
    folder.write("one.safetensors", shard("same"));
    folder.write("two.safetensors", shard("same"));
    const std::string message = openingError(folder.path());
    QVERIFY2(message.find("'same' occurs twice") != std::string::npos, message.c_str());
  }
};

QTEST_APPLESS_MAIN(TestModelFolder)
#include "tst_model_folder.moc"
