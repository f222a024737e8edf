#include <QtTest>

#include <cmath>

#include "core/base/parallel.h"
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

class TestSmoothquant : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void goldenScalesAndErrorsAreReached() {
    const auto& entries = golden().expected()["smoothquant"];
    QVERIFY(entries.size() >= 18);
    for (const auto& entry : entries) {
      const std::string layer = entry["layer"];
      Settings settings({{"alpha", entry["alpha"].get<double>()}});
      const QuantizedTensor dynamic =
          qs::test::runMethodOk("smoothquant", golden().weights(layer), settings, &goldenStats(layer));
      compareScale(dynamic.inputScale, entry, layer);
      const double ratio = entry["max_ratio"];
      QVERIFY2(
          goldenOutputError(dynamic, layer) <= ratio * entry["dynamic_per_token"]["rel_output_error"].get<double>(),
          layer.c_str());
      settings.set("activation", std::string("static"));
      const QuantizedTensor frozen =
          qs::test::runMethodOk("smoothquant", golden().weights(layer), settings, &goldenStats(layer));
      QVERIFY2(goldenOutputError(frozen, layer) <=
                   ratio * entry["static_per_tensor_affine_minmax"]["rel_output_error"].get<double>(),
               layer.c_str());
    }
  }

  void smoothingIsATenthOfPlainDynamic_data() {
    QTest::addColumn<QString>("layer");
    QTest::newRow("mid.up_proj") << "mid.up_proj";
    QTest::newRow("odd.down_proj") << "odd.down_proj";
  }
  void smoothingIsATenthOfPlainDynamic() {
    QFETCH(QString, layer);
    const std::string name = layer.toStdString();
    const double plain = goldenOutputError(qs::test::runMethodOk("int8-dynamic", golden().weights(name), {}), name);
    const double got =
        goldenOutputError(qs::test::runMethodOk("smoothquant", golden().weights(name), {}, &goldenStats(name)), name);
    QVERIFY2(got <= 0.1 * plain, qPrintable(QString::number(got / plain)));
  }

  // Without rounding, W·diag(s) times X·diag(1/s) is W·X.
  void theUnquantizedOutputStays() {
    const Matrix weights = golden().weights("mid.up_proj");
    const Matrix inputs = golden().inputs("mid.up_proj");
    const auto scale = qs::test::runMethodOk("smoothquant", weights, {}, &goldenStats("mid.up_proj")).inputScale;
    double error = 0;
    double reference = 0;
    for (std::size_t t = 0; t < 32; ++t)
      for (std::size_t o = 0; o < weights.rows(); ++o) {
        double exact = 0;
        double smoothed = 0;
        for (std::size_t c = 0; c < weights.cols(); ++c) {
          exact += static_cast<double>(inputs(t, c)) * static_cast<double>(weights(o, c));
          smoothed += static_cast<double>(inputs(t, c) / scale[c]) * static_cast<double>(weights(o, c) * scale[c]);
        }
        error = std::max(error, std::abs(smoothed - exact));
        reference = std::max(reference, std::abs(exact));
      }
    QVERIFY(error <= 1e-5 * reference);
  }

  void layersThatShareAnInputShareTheScale() {
    const Matrix q = golden().weights("tiny.q_proj");
    Matrix k = qs::test::randomMatrix(32, 128);
    k(3, 7) = 5.0F;  // the largest weight of input 7 is another layer's
    const ActivationStats& stats = goldenStats("tiny.q_proj");
    const std::vector<LayerTask> tasks{{"q", q.view(), &stats}, {"k", k.view(), &stats}};
    const auto outcomes = qs::test::runLayers("smoothquant", tasks, {});
    QVERIFY(outcomes[0].tensor->inputScale == outcomes[1].tensor->inputScale);
    const double expected = std::sqrt(static_cast<double>(stats.absMax[7]) / 5.0);
    QVERIFY(std::abs(static_cast<double>(outcomes[0].tensor->inputScale[7]) - expected) <= 1e-5 * expected);
  }

  void automaticAlphaIsTheBestOfItsCurve() {
    const LayerOutcome outcome = qs::test::runMethod("smoothquant", golden().weights("mid.up_proj"),
                                                     Settings({{"auto_alpha", true}}), &goldenStats("mid.up_proj"));
    QCOMPARE(outcome.curves.size(), std::size_t{1});
    const auto& curve = outcome.curves[0];
    QCOMPARE(curve.x.size(), std::size_t{21});
    const auto best = std::min_element(curve.y.begin(), curve.y.end());
    QCOMPARE(outcome.figures.at("alpha"), curve.x[static_cast<std::size_t>(best - curve.y.begin())]);
    const double error = goldenOutputError(*outcome.tensor, "mid.up_proj");
    QVERIFY(std::abs(error - *best) <= 1e-6 * error);  // the 512 rows are all of them
    for (const double alpha : {0.25, 0.5, 0.75})
      QVERIFY(error <=
              goldenOutputError(qs::test::runMethodOk("smoothquant", golden().weights("mid.up_proj"),
                                                      Settings({{"alpha", alpha}}), &goldenStats("mid.up_proj")),
                                "mid.up_proj"));
  }

  void deadInputsKeepTheirScale() {
    const LayerOutcome outcome =
        qs::test::runMethod("smoothquant", golden().weights("mid.up_proj"), {}, &goldenStats("mid.up_proj"));
    QCOMPARE(outcome.tensor->inputScale[88], 1.0F);
    QCOMPARE(outcome.tensor->inputScale[418], 1.0F);
    const ActivationStats zero = qs::test::statsOf(Matrix(8, 512));
    const LayerOutcome still = qs::test::runMethod("smoothquant", golden().weights("mid.up_proj"), {}, &zero);
    QVERIFY(still.tensor->inputScale == std::vector<float>(512, 1.0F));
    QVERIFY(still.notes.at(0).find("all zero") != std::string::npos);
  }

  void whereNothingCanBeFoldedNothingIsScaled() {
    const Matrix weights = golden().weights("tiny.q_proj");
    const LayerTask task{"q", weights.view(), &goldenStats("tiny.q_proj"), false};
    const auto outcome = qs::test::runLayers("smoothquant", {&task, 1}, Settings({{"auto_alpha", true}})).at(0);
    QVERIFY(outcome.tensor->inputScale.empty() && outcome.notes.size() == 1);
    QVERIFY(outcome.tensor->codes == qs::test::runMethodOk("int8-dynamic", weights, {}).codes);
  }

  // A channel whose large values are rare: its mean hides them.
  void theMeanIsWorseThanTheMaximum() {
    const Matrix weights = qs::test::randomMatrix(64, 96, 3);
    Matrix inputs = qs::test::randomMatrix(200, 96, 4);
    for (std::size_t t = 0; t < 200; t += 20) inputs(t, 7) = 50.0F;
    const ActivationStats stats = qs::test::statsOf(inputs);
    const auto error = [&](bool mean) {
      const Settings settings({{"mean_magnitude", mean}, {"activation", std::string("static")}});
      const QuantizedTensor tensor = qs::test::runMethodOk("smoothquant", weights, settings, &stats);
      return qs::outputErrorOverRows(tensor, weights.view(), inputs.view(), {}).relative();
    };
    QVERIFY2(error(true) > 1.5 * error(false), qPrintable(QString::number(error(true) / error(false))));
  }

  void missingCalibrationFailsEachLayer() {
    const Matrix weights = golden().weights("tiny.q_proj");
    const std::vector<LayerTask> tasks{{"q", weights.view(), &goldenStats("tiny.q_proj")},
                                       {"k", weights.view(), nullptr}};
    for (const LayerOutcome& outcome : qs::test::runLayers("smoothquant", tasks, {}))
      QVERIFY(!outcome.tensor && !outcome.error.empty());
  }

 private:
  static void compareScale(const std::vector<float>& got, const nlohmann::json& entry, const std::string& layer) {
    const std::vector<float> expected = golden().tensor(entry["scale_tensor"]).floats();
    const double tolerance = entry["scale_tolerance"];
    QCOMPARE(got.size(), expected.size());
    for (std::size_t c = 0; c < got.size(); ++c) {
      if (goldenStats(layer).absMax[c] == 0.0F) continue;  // dead channels are free
      QVERIFY(std::abs(static_cast<double>(got[c]) / static_cast<double>(expected[c]) - 1.0) <= tolerance);
    }
  }
};

QTEST_APPLESS_MAIN(TestSmoothquant)
#include "tst_smoothquant.moc"
