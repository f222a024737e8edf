#include <QtTest>

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
};

QTEST_APPLESS_MAIN(TestGgufVocabulary)
#include "tst_gguf_vocabulary.moc"
