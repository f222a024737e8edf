#include <QtTest>

#include <limits>
#include <map>
#include <stop_token>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/model/evaluation/evaluate.h"
#include "core/model/layer_groups.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"

namespace {

const std::filesystem::path kGolden = qs::test::dataFolder() / "model_golden";

std::vector<int> someIds(std::size_t count, std::size_t vocabSize) {
  std::vector<int> ids;
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < count; ++i) {
    state = state * 1664525U + 1013904223U;
    ids.push_back(static_cast<int>((state >> 8U) % vocabSize));
  }
  return ids;
}

/// Puts a value into one linear's weights.
class SpoiledWeights : public qs::CheckpointWeights {
 public:
  SpoiledWeights(const qs::test::OpenedModel& opened, std::string name, float value)
      : CheckpointWeights(opened.spec, *opened.model), m_name(std::move(name)), m_value(value) {}
  [[nodiscard]] std::shared_ptr<const qs::Matrix> linear(const qs::LinearSpec& linear,
                                                         const qs::RunContext& context) const override {
    auto weights = CheckpointWeights::linear(linear, context);
    if (linear.name != m_name) return weights;
    auto copy = std::make_shared<qs::Matrix>(*weights);
    (*copy)(0, 0) = m_value;
    return copy;
  }

 private:
  std::string m_name;
  float m_value;
};

/// Leaves nothing of the inputs of one kind of linear.
class EmptiedInputs : public qs::CheckpointWeights {
 public:
  using CheckpointWeights::CheckpointWeights;
  [[nodiscard]] bool quantizesInputs(const qs::LinearSpec& linear) const override {
    return linear.name.ends_with("down_proj");
  }
  void quantizeInputs(const qs::LinearSpec&, qs::MatrixSpan rows) const override {
    for (float& value : rows.values()) value = 0;
  }
};

}  // namespace

class TestTransformerRunner : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void anyThreadCountGivesTheSameBits() {
    const qs::test::OpenedModel opened(kGolden / "gemma2");
    const std::vector<int> ids = someIds(40 * 24, opened.spec.vocabSize);
    std::vector<qs::Matrix> results;
    for (const int threads : {1, 2, 7})
      qs::inWorkerArena({.threads = threads}, [&] { results.push_back(opened.runner.run(ids, 24, {})); });
    QVERIFY(results[0] == results[1]);
    QVERIFY(results[0] == results[2]);
  }

  void windowsDoNotSeeEachOther() {
    const qs::test::OpenedModel opened(kGolden / "mistral");
    const std::vector<int> ids = someIds(3 * 24, opened.spec.vocabSize);
    const qs::Matrix together = opened.runner.run(ids, 24, {});
    constexpr float kRounding = 1e-5F;  // products of other sizes may round differently
    for (std::size_t w = 0; w < 3; ++w) {
      const qs::Matrix alone = opened.runner.run(std::span(ids).subspan(24 * w, 24), 24, {});
      for (std::size_t i = 0; i < alone.values().size(); ++i)
        QVERIFY(std::abs(alone.values()[i] - together.values()[w * alone.values().size() + i]) < kRounding);
    }
  }

  void laterTokensChangeNothingBefore() {
    const qs::test::OpenedModel opened(kGolden / "qwen3");
    std::vector<int> ids = someIds(24, opened.spec.vocabSize);
    const qs::Matrix before = opened.runner.run(ids, 24, {});
    ids.back() = (ids.back() + 1) % static_cast<int>(opened.spec.vocabSize);
    const qs::Matrix after = opened.runner.run(ids, 24, {});
    for (std::size_t r = 0; r + 1 < 24; ++r)
      for (std::size_t c = 0; c < before.cols(); ++c) QCOMPARE(after(r, c), before(r, c));
    QVERIFY(after(23, 0) != before(23, 0));
  }

  void observersHearEveryGroup_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"llama", "gpt-neox", "phi", "opt-post-norm", "phi3"}) QTest::newRow(name) << name;
  }
  void observersHearEveryGroup() {
    QFETCH(QString, name);
    const qs::test::OpenedModel opened(kGolden / name.toStdString());
    const std::vector<qs::LayerGroup> groups = qs::layerGroups(opened.spec);
    const std::vector<int> ids = someIds(3 * 24, opened.spec.vocabSize);
    std::map<std::size_t, std::size_t> rowsHeard;
    (void)opened.runner.run(ids, 24, {}, [&](std::size_t group, qs::MatrixView rows) {
      QCOMPARE(rows.cols, groups.at(group).in);
      rowsHeard[group] += rows.rows;
    });
    QCOMPARE(rowsHeard.size(), groups.size());
    for (const auto& [group, rows] : rowsHeard) QCOMPARE(rows, ids.size());
  }

  void observingLeavesTheStates() {
    const qs::test::OpenedModel opened(kGolden / "llama");
    const std::vector<int> ids = someIds(2 * 24, opened.spec.vocabSize);
    qs::Matrix states = opened.runner.embed(ids, 24, 0, {});
    const qs::Matrix before = states;
    std::vector<float> watched;
    std::vector<float> run;
    opened.runner.observeBlock(0, states.view(), 24, {}, [&](std::size_t, qs::MatrixView rows) {
      watched.insert(watched.end(), rows.values().begin(), rows.values().end());
    });
    QVERIFY(states == before);
    opened.runner.runBlock(0, states.span(), 24, {}, [&](std::size_t, qs::MatrixView rows) {
      run.insert(run.end(), rows.values().begin(), rows.values().end());
    });
    QVERIFY(!(states == before));
    QCOMPARE(watched, run);
  }

  void quantizedInputsAreUsed() {
    const qs::test::OpenedModel opened(kGolden / "llama");
    const EmptiedInputs weights(opened.spec, *opened.model);
    const qs::TransformerRunner runner(opened.spec, weights);
    const std::vector<int> ids = someIds(24, opened.spec.vocabSize);
    qs::Matrix states = runner.embed(ids, 24, 0, {});
    qs::Matrix attentionOnly = states;
    runner.runBlock(0, states.span(), 24, {});
    opened.runner.runBlock(0, attentionOnly.span(), 24, {});
    QVERIFY(!(states == attentionOnly));  // the MLP adds nothing where its last inputs are all 0
    std::vector<float> heard;
    (void)runner.run(ids, 24, {}, [&](std::size_t group, qs::MatrixView rows) {
      if (group == 3) heard.assign(rows.values().begin(), rows.values().end());
    });
    QVERIFY(std::any_of(heard.begin(), heard.end(), [](float x) { return x != 0; }));  // heard before quantization
  }

  void aNanNamesTheBlock_data() {
    QTest::addColumn<float>("value");
    QTest::newRow("NaN") << std::numeric_limits<float>::quiet_NaN();
    QTest::newRow("infinity") << std::numeric_limits<float>::infinity();
  }
  void aNanNamesTheBlock() {
    QFETCH(float, value);
    const qs::test::OpenedModel opened(kGolden / "llama");
    const SpoiledWeights weights(opened, "model.layers.1.mlp.up_proj", value);
    const qs::TransformerRunner runner(opened.spec, weights);
    try {
      (void)runner.run(someIds(24, opened.spec.vocabSize), 24, {});
      QFAIL("went through");
    } catch (const qs::Error& error) {
      QCOMPARE(error.kind(), qs::ErrorKind::Failed);
      QVERIFY2(QString(error.what()).contains("block 1 (model.layers.1)"), error.what());
    }
  }

  void stopsBetweenTiles() {
    const qs::test::OpenedModel opened(kGolden / "llama");
    std::stop_source source;
    const qs::RunContext context{.stop = source.get_token()};
    const auto observer = [&](std::size_t group, qs::MatrixView) {
      if (group == 5) source.request_stop();
    };
    QVERIFY_EXCEPTION_THROWN((void)opened.runner.run(someIds(24, 37), 24, context, observer), qs::Cancelled);
  }

  void progressCountsBlocks() {
    const qs::test::OpenedModel opened(kGolden / "llama");
    qs::Progress progress;
    progress.beginStage("Running", "blocks", 2);
    (void)opened.runner.run(someIds(24, 37), 24, {.progress = &progress});
    QCOMPARE(progress.snapshot().done, 2.0);
  }
};

QTEST_APPLESS_MAIN(TestTransformerRunner)
#include "tst_transformer_runner.moc"
