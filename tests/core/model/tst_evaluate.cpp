#include <QtTest>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/model/evaluation/evaluate.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kGolden = qs::test::dataFolder() / "model_golden";
const std::filesystem::path kModels = qs::test::sharedModelsFolder();

std::vector<int> someIds(std::size_t count) {
  std::vector<int> ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(static_cast<int>((i * i + 3 * i) % 37));
  return ids;
}

/// The linears of a checkpoint rounded to nearest, from the definition: groups along the inputs, `group` 0 = whole
/// rows.
class RoundedWeights : public qs::CheckpointWeights {
 public:
  RoundedWeights(const qs::test::OpenedModel& opened, int bits, std::size_t group, bool symmetric)
      : CheckpointWeights(opened.spec, *opened.model), m_bits(bits), m_group(group), m_symmetric(symmetric) {}
  [[nodiscard]] std::shared_ptr<const qs::Matrix> linear(const qs::LinearSpec& linear,
                                                         const qs::RunContext& context) const override {
    auto weights = std::make_shared<qs::Matrix>(*CheckpointWeights::linear(linear, context));
    const std::size_t length = m_group == 0 ? weights->cols() : m_group;
    for (std::size_t r = 0; r < weights->rows(); ++r)
      for (std::size_t c = 0; c < weights->cols(); c += length)
        round(weights->row(r).subspan(c, std::min(length, weights->cols() - c)));
    return weights;
  }

 private:
  void round(std::span<float> unit) const {
    const float low = std::min(0.0F, *std::min_element(unit.begin(), unit.end()));
    const float high = std::max(0.0F, *std::max_element(unit.begin(), unit.end()));
    const float top = std::ldexp(1.0F, m_symmetric ? m_bits - 1 : m_bits) - 1.0F;
    const float scale = (m_symmetric ? std::max(-low, high) : high - low) / top;
    const float zero = m_symmetric ? 0.0F : std::nearbyint(-low / scale);
    for (float& w : unit) {
      const float code = std::clamp(std::nearbyint(w / scale) + zero, m_symmetric ? -top : 0.0F, top);
      w = (code - zero) * scale;
    }
  }
  int m_bits;
  std::size_t m_group;
  bool m_symmetric;
};

/// Weights symmetric by row at 8 bits, inputs of every linear symmetric per token.
class W8A8PerToken : public RoundedWeights {
 public:
  explicit W8A8PerToken(const qs::test::OpenedModel& opened) : RoundedWeights(opened, 8, 0, true) {}
  [[nodiscard]] bool quantizesInputs(const qs::LinearSpec&) const override { return true; }
  void quantizeInputs(const qs::LinearSpec&, qs::MatrixSpan rows) const override {
    for (std::size_t r = 0; r < rows.rows; ++r) {
      float largest = 1e-5F;
      for (const float x : rows.row(r)) largest = std::max(largest, std::abs(x));
      const float scale = largest / 127.0F;
      for (float& x : rows.row(r)) x = std::nearbyint(x / scale) * scale;
    }
  }
};

std::string reasonOf(const auto& work) {
  try {
    work();
  } catch (const qs::Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

class TestEvaluate : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void windowsFollowTheProtocol() {
    const qs::test::OpenedModel opened(kGolden / "llama");  // a context of 64
    const std::vector<int> ids = someIds(50);
    const qs::TokenWindows plain = qs::cutWindows(ids, opened.spec, std::nullopt, {.window = 8}, "text");
    QCOMPARE(plain.count(), std::size_t{6});  // the last two tokens are dropped
    QCOMPARE(plain.length, std::size_t{7});   // W − 1 predictions without BOS
    QCOMPARE(plain.targets[0], ids[1]);
    QCOMPARE(plain.inputs[7], ids[8]);
    const qs::TokenWindows begun = qs::cutWindows(ids, opened.spec, 36, {.window = 8}, "text");
    QCOMPARE(begun.length, std::size_t{8});  // all W with BOS beside them
    QCOMPARE(begun.inputs[8], 36);
    QCOMPARE(begun.targets[0], ids[0]);
    QCOMPARE(begun.targets[7], ids[7]);
    QCOMPARE(qs::cutWindows(someIds(70), opened.spec, std::nullopt, {}, "text").windowSize, std::size_t{64});
    QCOMPARE(qs::cutWindows(someIds(70), opened.spec, 0, {}, "text").windowSize, std::size_t{63});
    QCOMPARE(qs::cutWindows(ids, opened.spec, 0, {.window = 8, .maxWindows = 2}, "text").count(), std::size_t{2});
    QCOMPARE(qs::cutWindows(someIds(70000), opened.spec, 0, {.window = 32}, "text").count(), std::size_t{65536 / 32});
  }

  void refusesWhatDoesNotFit() {
    const qs::test::OpenedModel opened(kGolden / "llama");
    const auto cut = [&](std::vector<int> ids, std::size_t window) {
      return reasonOf([&] { (void)qs::cutWindows(ids, opened.spec, 0, {.window = window}, "short.txt"); });
    };
    QCOMPARE(cut(someIds(7), 8), std::string("short.txt: the text has only 7 tokens, fewer than one window of 8"));
    QVERIFY(cut(someIds(100), 64).find("don't fit") != std::string::npos);
    QVERIFY(cut({1, 2, 99, 3}, 4).find("id 99") != std::string::npos);
  }

  /// Against softmax in F64 over whole logits.
  void scoresAreTheDefinitions_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("reference");
    QTest::newRow("two models") << "llama"
                                << "mistral";
    QTest::newRow("capped logits and a tied head") << "gemma2"
                                                   << "gemma";
    QTest::newRow("a head with bias") << "phi"
                                      << "gpt-neox";
    QTest::newRow("a narrow head") << "opt-post-norm"
                                   << "opt";
  }
  void scoresAreTheDefinitions() {
    QFETCH(QString, model);
    QFETCH(QString, reference);
    const qs::test::OpenedModel q(kGolden / model.toStdString());
    const qs::test::OpenedModel p(kGolden / reference.toStdString());
    const qs::TokenWindows windows = qs::cutWindows(someIds(100), q.spec, 5, {.window = 20}, "text");
    qs::ReferenceRun referenceRun(p.runner);
    const qs::Evaluation result = qs::evaluate(q.runner, windows, &referenceRun, {});

    std::vector<double> windowMeans;
    std::vector<double> divergences;
    double nll = 0;
    double referenceNll = 0;
    double agreements = 0;
    for (std::size_t w = 0; w < windows.count(); ++w) {
      const qs::TokenWindows one = windows.slice(w, 1);
      const auto lq = probabilities(q, one);
      const auto lp = probabilities(p, one);
      double sum = 0;
      for (std::size_t i = 0; i < one.length; ++i) {
        const auto target = static_cast<std::size_t>(one.targets[i]);
        sum -= lq[i][target];
        referenceNll -= lp[i][target];
        double divergence = 0;
        for (std::size_t t = 0; t < lq[i].size(); ++t) divergence += std::exp(lp[i][t]) * (lp[i][t] - lq[i][t]);
        divergences.push_back(divergence);
        agreements += std::max_element(lq[i].begin(), lq[i].end()) - lq[i].begin() ==
                              std::max_element(lp[i].begin(), lp[i].end()) - lp[i].begin()
                          ? 1
                          : 0;
      }
      nll += sum;
      windowMeans.push_back(sum / static_cast<double>(one.length));
    }
    const double count = static_cast<double>(divergences.size());
    constexpr double kTolerance = 1e-5;  // F32 logits against the same logits in F64
    const auto near = [](double a, double b) { return std::abs(a - b) <= kTolerance * std::max(1.0, std::abs(b)); };
    QCOMPARE(result.tokens, divergences.size());
    QVERIFY(near(result.nllPerToken, nll / count));
    QVERIFY(near(result.perplexity, std::exp(nll / count)));
    QVERIFY(near(result.reference->referencePerplexity, std::exp(referenceNll / count)));
    QVERIFY(near(result.reference->top1Agreement, agreements / count));
    double mean = 0;
    for (const double d : divergences) mean += d / count;
    QVERIFY(near(result.reference->meanDivergence, mean));
    std::sort(divergences.begin(), divergences.end());
    QVERIFY(near(result.reference->medianDivergence, (divergences[49] + divergences[50]) / 2));
    QVERIFY(near(result.reference->p999Divergence, divergences[98] + 0.901 * (divergences[99] - divergences[98])));
    double average = 0;
    for (const double m : windowMeans) average += m / 5;
    double square = 0;
    for (const double m : windowMeans) square += (m - average) * (m - average) / 4;
    QVERIFY(near(result.perplexityStderr, result.perplexity * std::sqrt(square / 5)));
  }

  void aModelAgreesWithItself() {
    const qs::test::OpenedModel opened(kGolden / "qwen2");
    qs::ReferenceRun reference(opened.runner);
    const qs::TokenWindows windows = qs::cutWindows(someIds(60), opened.spec, 0, {.window = 20}, "text");
    const qs::Evaluation result = qs::evaluate(opened.runner, windows, &reference, {});
    QCOMPARE(result.reference->meanDivergence, 0.0);
    QCOMPARE(result.reference->top1Agreement, 1.0);
    QCOMPARE(result.reference->referencePerplexity, result.perplexity);
  }

  void differentVocabulariesAreRefused() {
    const qs::test::OpenedModel small(qs::test::demoFolder());
    const qs::test::OpenedModel tiny(kGolden / "llama");
    qs::ReferenceRun reference(small.runner);
    const qs::TokenWindows windows = qs::cutWindows(someIds(60), tiny.spec, 0, {.window = 20}, "text");
    QVERIFY_EXCEPTION_THROWN((void)qs::evaluate(tiny.runner, windows, &reference, {}), qs::Error);
  }

  void roundsAndThreadsChangeNothing() {
    const qs::test::OpenedModel opened(kGolden / "gemma");
    const qs::TokenWindows windows = qs::cutWindows(someIds(400), opened.spec, 0, {.window = 20}, "text");
    const qs::EvaluationOptions small{.stateBytes = 3 * 20 * 32 * sizeof(float)};
    QCOMPARE(qs::windowsPerRound(opened.spec, windows, small), std::size_t{3});
    QCOMPARE(qs::evaluationUnits(opened.spec, windows, small), 14.0);  // 7 rounds of 2 blocks
    const qs::Evaluation whole = qs::evaluate(opened.runner, windows, nullptr, {});
    const qs::Evaluation rounds = qs::evaluate(opened.runner, windows, nullptr, {}, small);
    QVERIFY(std::abs(whole.nllPerToken - rounds.nllPerToken) < 1e-6);  // products of other sizes may round differently
    double threaded = 0;
    qs::inWorkerArena({.threads = 5},
                      [&] { threaded = qs::evaluate(opened.runner, windows, nullptr, {}).nllPerToken; });
    QCOMPARE(threaded, whole.nllPerToken);
  }

  void roundedWeights_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("key");
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    for (const char* model : {"stories260K", "babyllama105"}) {
      QTest::addRow("%s W8 per row", model) << model << "w8_per_row_sym" << 8 << 0 << true;
      QTest::addRow("%s W4 per row", model) << model << "w4_per_row_sym" << 4 << 0 << true;
      QTest::addRow("%s W8 in groups", model) << model << "w8_g32_sym" << 8 << 32 << true;
      QTest::addRow("%s W5 in groups", model) << model << "w5_g32_asym" << 5 << 32 << false;
      QTest::addRow("%s W4 in groups", model) << model << "w4_g32_asym" << 4 << 32 << false;
      QTest::addRow("%s W3 in groups", model) << model << "w3_g32_asym" << 3 << 32 << false;
    }
  }
  void roundedWeights() {
    if (!std::filesystem::exists(kModels)) QSKIP("the shared models are not here");
    QFETCH(QString, model);
    QFETCH(QString, key);
    QFETCH(int, bits);
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    const std::filesystem::path folder = kModels / model.toStdString();
    const auto reference = nlohmann::json::parse(qs::test::readFile(folder / "rtn_reference.json"));
    const qs::test::OpenedModel opened(folder);
    const RoundedWeights weights(opened, bits, static_cast<std::size_t>(group), symmetric);
    checkPerplexity(opened, weights, reference, key.toStdString());
  }

  void quantizedInputs() {
    const std::filesystem::path folder = kModels / "stories260K";
    if (!std::filesystem::exists(folder)) QSKIP("the shared models are not here");
    const auto reference = nlohmann::json::parse(qs::test::readFile(folder / "w8a8_reference.json"));
    const qs::test::OpenedModel opened(folder);
    checkPerplexity(opened, W8A8PerToken(opened), reference, "w8a8_per_token");
    checkPerplexity(opened, opened.weights, reference, "none");
  }

 private:
  /// ln p of every token at every position, in F64 from F32 logits.
  static std::vector<std::vector<double>> probabilities(const qs::test::OpenedModel& model,
                                                        const qs::TokenWindows& window) {
    const qs::Matrix inputs = model.runner.run(window.inputs, window.length, {});
    const qs::Matrix logits = model.runner.logits(inputs.view(), {});
    std::vector<std::vector<double>> result;
    for (std::size_t r = 0; r < logits.rows(); ++r) {
      std::vector<double> row(logits.row(r).begin(), logits.row(r).end());
      double sum = 0;
      for (const double l : row) sum += std::exp(l);
      for (double& l : row) l -= std::log(sum);
      result.push_back(row);
    }
    return result;
  }

  static void checkPerplexity(const qs::test::OpenedModel& opened, const qs::WeightProvider& weights,
                              const nlohmann::json& reference, const std::string& key) {
    const auto tokenizer = qs::loadTokenizer(*opened.model);
    const std::string text = qs::test::readFile(opened.model->path() / "eval.txt");
    const std::size_t count = reference["windows"];
    const qs::TokenWindows windows =
        qs::textWindows(text, *tokenizer, opened.spec, {.window = 255, .maxWindows = count}, "eval.txt", {});
    const qs::TransformerRunner runner(opened.spec, weights);
    const double perplexity = qs::evaluate(runner, windows, nullptr, {}).perplexity;
    const double expected = reference[key]["perplexity"];
    constexpr double kTolerance = 0.01;  // the task's
    QVERIFY2(std::abs(perplexity / expected - 1) < kTolerance,
             qPrintable(QString("%1, expected %2").arg(perplexity).arg(expected)));
  }
};

QTEST_APPLESS_MAIN(TestEvaluate)
#include "tst_evaluate.moc"
