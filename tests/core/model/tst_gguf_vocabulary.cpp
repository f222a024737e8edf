#include <QtTest>

#include <cmath>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

using namespace qs;

class TestGgufVocabulary : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  // The prompts' ids were made by the original program (shared models' oracle).
  void theIdsAreTheOracles() {
    const std::string models = (qs::test::sharedModelsFolder() / "").string();
    if (!QFile::exists(QString::fromStdString(models))) QSKIP("the shared models are not on this machine");
    const auto tokenizer = loadTokenizer(*openCheckpoint(models + "stories260K-f32.gguf"));
    QVERIFY(tokenizer->addsBos());
    const auto oracle = nlohmann::json::parse(test::readFile(models + "stories260K/oracle.json"));
    for (const auto& prompt : oracle["prompts"]) {
      std::vector<int> ids{tokenizer->bosId().value()};
      const std::vector<int> text = tokenizer->encode(prompt["text"].get<std::string>());
      ids.insert(ids.end(), text.begin(), text.end());
      QCOMPARE(ids, prompt["ids"].get<std::vector<int>>());
    }
  }

  void aFileWithoutAVocabularySaysSo() {
    const test::TempFolder folder;
    test::GgufBuilder builder;
    builder.counts(0, 1).textPair("general.name", "nothing");
    const auto model = openCheckpoint(folder.write("a.gguf", builder.bytes()));
    QVERIFY_EXCEPTION_THROWN((void)loadTokenizer(*model), Error);
  }

  void hostileTypesAreRefused_data() {
    QTest::addColumn<double>("type");
    QTest::newRow("beyond int") << 1e300;
    QTest::newRow("negative") << -7.0;
    QTest::newRow("not a number") << std::nan("");
  }
  void hostileTypesAreRefused() {
    QFETCH(double, type);
    const test::TempFolder folder;
    test::GgufBuilder builder;
    constexpr std::uint32_t kArray = 9;
    constexpr std::uint32_t kText = 8;
    constexpr std::uint32_t kF64 = 12;
    builder.counts(0, 4).textPair("general.name", "hostile").textPair("tokenizer.ggml.model", "gpt2");
    builder.text("tokenizer.ggml.tokens").number(kArray).number(kText).number<std::uint64_t>(1).text("a");
    builder.text("tokenizer.ggml.token_type").number(kArray).number(kF64).number<std::uint64_t>(1).number(type);
    const auto model = openCheckpoint(folder.write("a.gguf", builder.bytes()));
    try {
      (void)loadTokenizer(*model);
      QFAIL("was accepted");
    } catch (const Error& error) {
      QVERIFY2(QString(error.what()).contains("token_type"), error.what());
    }
  }
};

QTEST_APPLESS_MAIN(TestGgufVocabulary)
#include "tst_gguf_vocabulary.moc"
