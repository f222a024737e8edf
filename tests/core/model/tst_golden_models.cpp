#include <QtTest>

#include <nlohmann/json.hpp>

#include "core/model/evaluation/generate.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kGolden = qs::test::dataFolder() / "model_golden";
constexpr double kTolerance = 1e-4;  // the task's: F32 against PyTorch in F64, logits up to about 12

double largestDifference(const qs::Matrix& logits, const nlohmann::json& expected) {
  double largest = 0;
  for (std::size_t r = 0; r < logits.rows(); ++r)
    for (std::size_t c = 0; c < logits.cols(); ++c)
      largest = std::max(largest, std::abs(static_cast<double>(logits(r, c)) - expected[r][c].get<double>()));
  return largest;
}

}  // namespace

/// Tiny random models of every family, with logits from an independent implementation (make_golden.py).
class TestGoldenModels : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void logits_data() {
    families();
    QTest::newRow("phi3-long") << "phi3-long";  // not below: its frequencies change over within the sequence
  }
  void logits() {
    QFETCH(QString, name);
    const std::filesystem::path folder = kGolden / name.toStdString();
    const qs::test::OpenedModel opened(folder);
    const auto expected = nlohmann::json::parse(qs::test::readFile(folder / "expected.json"));
    const std::vector<int> ids = expected["ids"];
    const qs::Matrix inputs = opened.runner.run(ids, ids.size(), {});
    const double difference = largestDifference(opened.runner.logits(inputs.view(), {}), expected["logits"]);
    QVERIFY2(difference <= kTolerance, qPrintable(QString::number(difference)));
  }

  /// Reading token by token with a cache gives what reading the whole window gives.
  void cachedTokens_data() { families(); }
  void cachedTokens() {
    QFETCH(QString, name);
    const std::filesystem::path folder = kGolden / name.toStdString();
    const qs::test::OpenedModel opened(folder);
    const auto expected = nlohmann::json::parse(qs::test::readFile(folder / "expected.json"));
    const std::vector<int> ids = expected["ids"];
    std::vector<qs::KvCache> caches(opened.spec.blocks.size());
    for (qs::KvCache& cache : caches) {
      cache.keys = qs::Matrix(ids.size(), opened.spec.kvHeads * opened.spec.headDim);
      cache.values = cache.keys;
    }
    qs::Matrix logits(0, 0);
    for (std::size_t at = 0; at < ids.size();) {
      const std::size_t count = at == 0 ? 5 : 1;  // a prompt, then token by token
      qs::Matrix states = opened.runner.embed(std::span(ids).subspan(at, count), count, at, {});
      for (std::size_t i = 0; i < caches.size(); ++i) opened.runner.runBlockCached(i, states.span(), caches[i], {});
      at += count;
      const qs::Matrix rows = opened.runner.headInputs(states.view().middleRows(count - 1, 1), 1, {});
      const double difference =
          largestDifference(opened.runner.logits(rows.view(), {}), nlohmann::json::array({expected["logits"][at - 1]}));
      QVERIFY2(difference <= kTolerance, qPrintable(QString::number(difference)));
    }
  }

 private:
  static void families() {
    QTest::addColumn<QString>("name");
    for (const char* name :
         {"llama", "llama3-scaled", "llama-linear", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3",
          "phi3-short", "phi", "gpt2", "opt", "opt-post-norm", "gpt-neox", "gpt-neox-serial"})
      QTest::newRow(name) << name;
  }
};

QTEST_APPLESS_MAIN(TestGoldenModels)
#include "tst_golden_models.moc"
