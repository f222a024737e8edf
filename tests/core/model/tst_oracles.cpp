#include <QtTest>

#include <span>

#include <nlohmann/json.hpp>

#include "core/model/evaluation/evaluate.h"
#include "core/model/evaluation/generate.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kModels = qs::test::sharedModelsFolder();

constexpr double kLogitTolerance = 1e-3;        // the task's: F32 against the oracle's F64
constexpr double kPerplexityTolerance = 0.001;  // the task's: relative

using Opened = qs::test::OpenedModel;

nlohmann::json oracleOf(const std::string& model) {
  return nlohmann::json::parse(qs::test::readFile(kModels / model / "oracle.json"));
}

}  // namespace

class TestOracles : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    if (!std::filesystem::exists(kModels)) QSKIP("the shared models are not here");
  }

  void lastLogits_data() { models(); }
  void lastLogits() {
    QFETCH(QString, name);
    QFETCH(QString, file);
    const Opened opened(kModels / file.toStdString());
    const nlohmann::json oracle = oracleOf(name.toStdString());
    for (const auto& prompt : oracle["prompts"]) {
      const std::vector<int> ids = prompt["ids"];
      const qs::Matrix inputs = opened.runner.run(ids, ids.size(), {});
      const qs::Matrix last = opened.runner.logits(inputs.view().middleRows(inputs.rows() - 1, 1), {});
      const std::span<const float> logits = last.values();
      const std::vector<double> expected = prompt["last_logits_first32"];
      for (std::size_t i = 0; i < expected.size(); ++i)
        QVERIFY2(std::abs(logits[i] - expected[i]) <= kLogitTolerance, qPrintable(QString::number(i)));
      const auto best = std::max_element(logits.begin(), logits.end());
      QCOMPARE(static_cast<int>(best - logits.begin()), prompt["last_argmax"].get<int>());
      QVERIFY(std::abs(*best - prompt["last_max"].get<double>()) <= kLogitTolerance);
    }
  }

  void perplexity_data() { models(); }
  void perplexity() {
    QFETCH(QString, name);
    QFETCH(QString, file);
    const Opened opened(kModels / file.toStdString());
    const auto oracle = oracleOf(name.toStdString())["eval"];
    const auto tokenizer = qs::loadTokenizer(*opened.model);
    const qs::TokenWindows windows =
        qs::textWindows(qs::test::readFile(kModels / name.toStdString() / "eval.txt"), *tokenizer, opened.spec,
                        {.window = 255, .maxWindows = 48}, "eval.txt", {});
    const qs::Evaluation result = qs::evaluate(opened.runner, windows, nullptr, {});
    QCOMPARE(result.windows, oracle["n_windows"].get<std::size_t>());
    QCOMPARE(result.tokens, oracle["n_predicted"].get<std::size_t>());
    const double expected = oracle["perplexity"];
    QVERIFY2(std::abs(result.perplexity / expected - 1) < kPerplexityTolerance,
             qPrintable(QString::number(result.perplexity)));
    QVERIFY(result.perplexityStderr > 0);
  }

  void greedyText_data() { models(); }
  void greedyText() {
    QFETCH(QString, name);
    QFETCH(QString, file);
    const Opened opened(kModels / file.toStdString());
    const auto tokenizer = qs::loadTokenizer(*opened.model);
    const nlohmann::json oracle = oracleOf(name.toStdString());
    for (const auto& prompt : oracle["prompts"]) {
      const std::vector<int> expected = prompt["greedy_new_ids"];
      std::vector<int> ids = qs::promptIds(prompt["text"].get<std::string>(), *tokenizer, {});
      QCOMPARE(ids, prompt["ids"].get<std::vector<int>>());
      const std::vector<int> more =
          qs::generateGreedy(opened.runner, ids, {.tokens = expected.size(), .stopsAtEos = false}, {});
      QCOMPARE(more, expected);
      ids.insert(ids.end(), more.begin(), more.end());
      QCOMPARE(tokenizer->decode(ids), prompt["greedy_text"].get<std::string>());
    }
  }

  void sortingModel() {
    const Opened opened(kModels / "gpt2-nano-sort");
    const auto oracle = oracleOf("gpt2-nano-sort");
    for (std::size_t s = 0; s < oracle["sequences"].size(); ++s) {
      const std::vector<int> ids = oracle["sequences"][s];
      const qs::Matrix inputs = opened.runner.run(ids, ids.size(), {});
      const qs::Matrix logits = opened.runner.logits(inputs.view(), {});
      for (std::size_t p = 0; p < ids.size(); ++p)
        for (std::size_t t = 0; t < 3; ++t)
          QVERIFY(std::abs(logits(p, t) - oracle["logits"][s][p][t].get<double>()) <= kLogitTolerance);
    }
  }

  void sortingModelSortsEverything() {
    const Opened opened(kModels / "gpt2-nano-sort");
    for (int n = 0; n < 729; n += 7) {
      std::vector<int> ids;
      for (int i = 0, rest = n; i < 6; ++i, rest /= 3) ids.push_back(rest % 3);
      std::vector<int> expected = ids;
      std::sort(expected.begin(), expected.end());
      std::vector<int> sorted = qs::generateGreedy(opened.runner, ids, {.tokens = 5, .stopsAtEos = false}, {});
      QCOMPARE(sorted, std::vector<int>(expected.begin(), expected.end() - 1));
    }
  }

 private:
  static void models() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("file");
    for (const char* name : {"stories260K", "babyllama105"}) QTest::newRow(name) << name << name;
    QTest::newRow("stories260K as GGUF") << "stories260K"
                                         << "stories260K-f32.gguf";
  }
};

QTEST_APPLESS_MAIN(TestOracles)
#include "tst_oracles.moc"
