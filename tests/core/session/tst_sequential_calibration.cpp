#include <QtTest>

#include <cmath>
#include <fstream>

#include "core/base/parallel.h"
#include "core/io/reader_registry.h"
#include "core/model/evaluation/evaluate.h"
#include "core/session/run_quantization.h"
#include "core/session/run_weights.h"
#include "core/session/runnable_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kDemo = qs::test::demoFolder();
constexpr std::size_t kEvaluated = 42;   // windows of the evaluation text
constexpr double kNoiseInErrors = 2.0;   // how many standard errors count as noise
constexpr std::size_t kCalibrated = 40;  // windows of each calibration text

using Losses = std::vector<double>;  // mean negative log-likelihood of each evaluated window

struct Difference {
  double mean = 0;
  double standardError = 0;
};

// Of the same windows: what makes a window hard falls out.
Difference pairedDifference(const Losses& a, const Losses& b) {
  const auto count = static_cast<double>(a.size());
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += a[i] - b[i];
    squares += (a[i] - b[i]) * (a[i] - b[i]);
  }
  const double mean = sum / count;
  return {mean, std::sqrt((squares / count - mean * mean) / (count - 1))};
}

}  // namespace

class TestSequentialCalibration : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
#ifdef __SANITIZE_ADDRESS__
    QSKIP("takes minutes under the address sanitizer");
#endif
    m_model = qs::openCheckpoint(kDemo);
    m_runnable = qs::makeRunnable(m_model);
    m_windows = qs::windowsOf(m_runnable, qs::readText(kDemo / "evaluation.txt"), {.maxWindows = kEvaluated}, {});
  }

  // Two texts that share no tale, so that it isn't one text's luck.
  void threeBitGptqIsNoWorseThanInParallel_data() {
    QTest::addColumn<QString>("text");
    QTest::newRow("calibration text") << "calibration.txt";
    QTest::newRow("training text") << "training.txt";
  }
  void threeBitGptqIsNoWorseThanInParallel() {
    QFETCH(QString, text);
    const Losses parallel = lossesOf(request(text, false));
    const Losses sequential = lossesOf(request(text, true));
    const Difference difference = pairedDifference(sequential, parallel);
    const QString seen = QString("%1 +- %2").arg(difference.mean).arg(difference.standardError);
    QVERIFY2(difference.mean <= kNoiseInErrors * difference.standardError, qPrintable(seen));
  }

  void thePublishedFormIsAnotherResult() {
    qs::QuantRequest published = request("calibration.txt", true);
    published.settings.set("match_original", false);
    const Losses without = lossesOf(published);
    QVERIFY(without != lossesOf(request("calibration.txt", true)));
    QVERIFY(without != lossesOf(request("calibration.txt", false)));
  }

  void resumingGivesTheSame() {
    const qs::test::TempFolder whole;
    const qs::test::TempFolder cut;
    const qs::QuantRequest all = request("calibration.txt", true);
    static_cast<void>(quantized(all, whole.path()));
    std::stop_source stop;
    try {
      qs::RunStore store(cut.path(), *m_model, all);
      std::size_t layers = 0;
      static_cast<void>(
          qs::runQuantization(*m_model, all, store, {.stop = stop.get_token()}, [&](const qs::LayerReportPtr&) {
            if (++layers == 9) stop.request_stop();
          }));
      QFAIL("not stopped");
    } catch (const qs::Cancelled&) {
    }
    static_cast<void>(quantized(all, cut.path()));
    qs::RunStore a(whole.path(), *m_model, all);
    qs::RunStore b(cut.path(), *m_model, all);
    for (const char* layer : {"model.layers.1.mlp.down_proj", "model.layers.3.self_attn.o_proj"})
      QVERIFY(a.loadTensor(layer)->codes == b.loadTensor(layer)->codes);
  }

 private:
  static qs::QuantRequest request(const QString& text, bool sequential) {
    qs::QuantRequest request{.method = "gptq", .settings = qs::Settings({{"bits", std::int64_t{3}}})};
    request.scaleType = qs::ScaleType::F16;
    request.calibration = {
        .textFile = kDemo / text.toStdString(), .runModel = true, .windows = kCalibrated, .sequential = sequential};
    return request;
  }

  qs::QuantReport quantized(const qs::QuantRequest& request, const std::filesystem::path& folder) const {
    qs::RunStore store(folder, *m_model, request);
    return qs::runQuantization(*m_model, request, store, {});
  }

  Losses lossesOf(const qs::QuantRequest& request) const {
    const qs::test::TempFolder folder;
    const qs::QuantReport report = quantized(request, folder.path());
    const qs::RunStore store(folder.path(), *m_model, request);
    const qs::RunWeights weights(m_runnable.spec, *m_model, report, store);
    const qs::TransformerRunner runner(m_runnable.spec, weights);
    Losses losses;
    qs::inWorkerArena({}, [&] {
      for (std::size_t w = 0; w < m_windows.count(); ++w)
        losses.push_back(qs::evaluate(runner, m_windows.slice(w, 1), nullptr, {}).nllPerToken);
    });
    return losses;
  }

  std::shared_ptr<const qs::Checkpoint> m_model;
  qs::RunnableModel m_runnable;
  qs::TokenWindows m_windows;
};

QTEST_APPLESS_MAIN(TestSequentialCalibration)
#include "tst_sequential_calibration.moc"
