#include <QtTest>

#include <cmath>

#include "core/base/parallel.h"
#include "core/quant/awq_search.h"
#include "core/quant/output_error.h"
#include "tests/support/golden.h"
#include "tests/support/method_run.h"
#include "tests/support/random_matrix.h"

using qs::ActivationStats;
using qs::LayerOutcome;
using qs::LayerTask;
using qs::Matrix;
using qs::QuantizedTensor;
using qs::Settings;
using qs::test::golden;
using qs::test::goldenOutputError;
using qs::test::goldenStats;

namespace {

constexpr double kCurveTolerance = 1e-3;  // of the golden README, relative
constexpr double kTie = 1.001;            // of the golden README: a neighbour within 0.1 % is as good

}  // namespace

class TestAwq : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void goldenCurvesAndErrorsAreReached() {
    const auto& entries = golden().expected()["awq"];
    QVERIFY(entries.size() >= 48);
    for (const auto& entry : entries) {
      const std::string layer = entry["layer"];
      const Settings settings({{"bits", entry["bits"].get<std::int64_t>()},
                               {"group_size", entry["group_size"].get<std::int64_t>()},
                               {"symmetric", entry["symmetric"].get<bool>()},
                               {"clip_search", entry["clip"].get<bool>()}});
      const LayerOutcome outcome =
          qs::test::runMethod("awq", golden().weights(layer), settings, &goldenStats(layer), 2);
      QVERIFY2(outcome.tensor.has_value(), outcome.error.c_str());
      const auto expected = entry["unclipped_errors"].get<std::vector<double>>();
      const auto& curve = outcome.curves.at(0).y;
      QCOMPARE(curve.size(), expected.size());
      for (std::size_t k = 0; k < curve.size(); ++k)
        QVERIFY2(std::abs(curve[k] - expected[k]) <= kCurveTolerance * expected[k],
                 qPrintable(QString("%1 bits %2 exponent %3/20: %4 instead of %5")
                                .arg(layer.c_str())
                                .arg(entry["bits"].get<int>())
                                .arg(k)
                                .arg(curve[k])
                                .arg(expected[k])));
      const auto chosen = static_cast<std::size_t>(std::lround(20.0 * outcome.figures.at("exponent")));
      QVERIFY(expected[chosen] <= kTie * *std::min_element(expected.begin(), expected.end()));
      const double error = goldenOutputError(*outcome.tensor, layer);
      const double limit = entry["max_ratio"].get<double>() * entry["metrics"]["rel_output_error"].get<double>();
      QVERIFY2(error <= limit, qPrintable(QString("%1: %2 > %3").arg(entry.dump().c_str()).arg(error).arg(limit)));
    }
  }

  void errorAgainstRtn_data() {
    QTest::addColumn<QString>("layer");
    QTest::addColumn<bool>("symmetric");
    QTest::newRow("mid.up_proj, asymmetric") << "mid.up_proj" << false;
    QTest::newRow("mid.up_proj, symmetric") << "mid.up_proj" << true;
    QTest::newRow("odd.down_proj, asymmetric") << "odd.down_proj" << false;
    QTest::newRow("odd.down_proj, symmetric") << "odd.down_proj" << true;
  }
  void errorAgainstRtn() {
    QFETCH(QString, layer);
    QFETCH(bool, symmetric);
    const std::string name = layer.toStdString();
    const Settings settings({{"symmetric", symmetric}});
    const Matrix weights = golden().weights(name);
    const double rtn = goldenOutputError(qs::test::runMethodOk("rtn", weights, settings), name);
    const double got = goldenOutputError(qs::test::runMethodOk("awq", weights, settings, &goldenStats(name)), name);
    QVERIFY2(got <= 0.35 * rtn, qPrintable(QString::number(got / rtn)));
  }

  void exponentZeroIsRtn() {
    const Matrix weights = golden().weights("odd.down_proj");
    const LayerTask task{"layer", weights.view(), &goldenStats("odd.down_proj")};
    for (const std::int64_t group : {128, 100, -1, 0}) {
      const qs::QuantScheme scheme{.bits = 4, .groupSize = group};
      const auto candidates = qs::awqCandidates({&task, 1}, scheme, false);
      QVERIFY(candidates[0].scale == std::vector<float>(384, 1.0F));
      const qs::InputMetric metric(*task.activations, {});
      const double relative = qs::roundingLoss({&task, 1}, candidates[0].scale, scheme, &metric, 1, {}) /
                              qs::referenceLoss({&task, 1}, &metric, 1, {});
      const double rtn =
          goldenOutputError(qs::test::runMethodOk("rtn", weights, Settings({{"group_size", group}})), "odd.down_proj");
      QVERIFY2(std::abs(relative - rtn) <= 1e-4 * rtn, qPrintable(QString::number(relative / rtn)));
    }
  }

  void neverWorseThanRtnOverTheLayersThatShareTheScale_data() {
    QTest::addColumn<bool>("duo");
    QTest::addColumn<QString>("search");
    QTest::newRow("plain scaling") << false << "exact";
    QTest::newRow("duo scaling") << true << "exact";
    QTest::newRow("plain scaling, fast search") << false << "fast";
    QTest::newRow("duo scaling, fast search") << true << "fast";
  }
  void neverWorseThanRtnOverTheLayersThatShareTheScale() {
    QFETCH(bool, duo);
    QFETCH(QString, search);
    const ActivationStats stats = qs::test::statsOf(qs::test::randomMatrix(300, 96, 5));  // no channel stands out
    const Matrix a = qs::test::randomMatrix(64, 96, 6);
    const Matrix b = qs::test::randomMatrix(200, 96, 7);
    const std::vector<LayerTask> tasks{{"a", a.view(), &stats}, {"b", b.view(), &stats}};
    const Settings settings({{"duo_scaling", duo},
                             {"search", search.toStdString()},
                             {"clip_search", false},
                             {"group_size", std::int64_t{32}}});
    const auto outcomes = qs::test::runLayers("awq", tasks, settings);
    QVERIFY(outcomes[0].tensor->inputScale == outcomes[1].tensor->inputScale);
    double error = 0;
    double rtn = 0;
    const Matrix* weights[] = {&a, &b};
    for (std::size_t i = 0; i < 2; ++i) {
      const Settings plain({{"group_size", std::int64_t{32}}});
      error += qs::outputErrorOverRows(*outcomes[i].tensor, weights[i]->view(), stats.sample.view(), {}).error;
      rtn += qs::outputErrorOverRows(qs::test::runMethodOk("rtn", *weights[i], plain), weights[i]->view(),
                                     stats.sample.view(), {})
                 .error;
    }
    QVERIFY2(error <= rtn * (1 + 1e-6), qPrintable(QString::number(error / rtn)));
  }

  void theFastSearchLosesLittle() {
    for (const std::string layer : {"mid.up_proj", "odd.down_proj"}) {
      const Settings fast({{"search", std::string("fast")}, {"clip_search", false}});
      const Settings exact({{"clip_search", false}});
      const double quick =
          goldenOutputError(qs::test::runMethodOk("awq", golden().weights(layer), fast, &goldenStats(layer)), layer);
      const double full =
          goldenOutputError(qs::test::runMethodOk("awq", golden().weights(layer), exact, &goldenStats(layer)), layer);
      QVERIFY2(quick <= 1.005 * full, qPrintable(QString::number(quick / full)));  // half a percent of regret
    }
  }

  void rowsAndTheFactorMeasureTheSame() {
    const Matrix inputs = qs::test::randomMatrix(40, 96, 8);
    const ActivationStats stats = qs::test::statsOf(inputs);
    ActivationStats sampled = stats;
    sampled.sampleIsWhole = false;
    const Matrix changes = qs::test::randomMatrix(10, 96, 9);
    const double rows = qs::InputMetric(stats, {}).loss(changes.view(), {});
    const double factor = qs::InputMetric(sampled, {}).loss(changes.view(), {});
    QVERIFY2(std::abs(rows - factor) <= 1e-5 * rows, qPrintable(QString::number(factor / rows - 1)));
  }

  void clippingNeverRaisesTheError() {
    for (const std::string layer : {"tiny.q_proj", "mid.up_proj"}) {
      const Settings off({{"clip_search", false}, {"bits", std::int64_t{3}}});
      const Settings on({{"bits", std::int64_t{3}}});
      QVERIFY(
          goldenOutputError(qs::test::runMethodOk("awq", golden().weights(layer), on, &goldenStats(layer)), layer) <=
          goldenOutputError(qs::test::runMethodOk("awq", golden().weights(layer), off, &goldenStats(layer)), layer));
    }
  }

  void threadsDontShow() {
    const Matrix weights = golden().weights("odd.down_proj");
    const QuantizedTensor one = qs::test::runMethodOk("awq", weights, {}, &goldenStats("odd.down_proj"), 1);
    for (const int threads : {2, 8})
      QVERIFY(qs::test::runMethodOk("awq", weights, {}, &goldenStats("odd.down_proj"), threads) == one);
  }

  void uselessInputsLeaveRtn() {
    const Matrix weights = golden().weights("tiny.q_proj");
    const ActivationStats zero = qs::test::statsOf(Matrix(16, 128));
    const LayerOutcome outcome = qs::test::runMethod("awq", weights, {}, &zero);
    QVERIFY(outcome.tensor->codes == qs::test::runMethodOk("rtn", weights, {}).codes);
    QVERIFY(outcome.notes.at(0).find("all zero") != std::string::npos);
    const LayerTask task{"q", weights.view(), &goldenStats("tiny.q_proj"), false};
    const LayerOutcome unscaled = qs::test::runLayers("awq", {&task, 1}, Settings({{"clip_search", false}})).at(0);
    QVERIFY(unscaled.tensor->inputScale.empty() && unscaled.notes.size() == 1);
    QVERIFY(unscaled.tensor->codes == outcome.tensor->codes);
  }

  void oneGlobalFactorGainsNothing() {
    const Matrix weights = golden().weights("mid.up_proj");
    const LayerOutcome outcome =
        qs::test::runMethod("awq", weights, Settings({{"global_factor", true}}), &goldenStats("mid.up_proj"));
    QCOMPARE(outcome.curves.at(0).x.size(), std::size_t{100});
    const double rtn = goldenOutputError(qs::test::runMethodOk("rtn", weights, {}), "mid.up_proj");
    QVERIFY(goldenOutputError(*outcome.tensor, "mid.up_proj") > 0.9 * rtn);
  }
};

QTEST_APPLESS_MAIN(TestAwq)
#include "tst_awq.moc"
