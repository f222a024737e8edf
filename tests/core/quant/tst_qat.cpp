#include <QtTest>

#include <cmath>

#include "core/quant/lsq.h"
#include "core/quant/uniform_grid.h"
#include "tests/support/golden.h"
#include "tests/support/method_run.h"
#include "tests/support/random_matrix.h"

using qs::ActivationStats;
using qs::LayerOutcome;
using qs::LsqUnit;
using qs::Matrix;
using qs::QuantizedTensor;
using qs::Settings;
using qs::test::golden;
using qs::test::goldenOutputError;
using qs::test::goldenStats;

namespace {

constexpr float kHandTolerance = 1e-6F;        // hand cases: a few F32 roundings
constexpr double kDifferenceTolerance = 1e-6;  // central differences of a piecewise linear loss, in F64
constexpr double kSingleTolerance = 1e-4;      // the F32 code against the same in F64

// The smallest layer passes the same code: under the address sanitizer the others take minutes.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kSmallOnly = true;
#else
constexpr bool kSmallOnly = false;
#endif

// Relative above 1, absolute below.
bool close(double got, double expected, double tolerance) {
  return std::abs(got - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

// Σ g·ŵ of the surrogate whose derivative the straight-through estimator is: rne(x) replaced by x + (rne(x0) − x0), of
// the weights and, where the code is clipped, of the zero point.
struct Surrogate {
  LsqUnit unit;
  bool symmetric = true;
  std::vector<double> offsets;  // rne(v) − v at the start
  std::vector<double> slopes;   // g

  Surrogate(LsqUnit start, bool isSymmetric, std::span<const double> weights, std::span<const double> g)
      : unit(start), symmetric(isSymmetric), slopes(g.begin(), g.end()) {
    for (const double weight : weights) {
      const double v = weight / static_cast<double>(unit.step);
      offsets.push_back(std::rint(v) - v);
    }
  }

  [[nodiscard]] double operator()(std::span<const double> weights, double step, double zeroShift = 0) const {
    const double low = static_cast<double>(unit.low - unit.zero);
    const double high = static_cast<double>(unit.high - unit.zero);
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double v = weights[i] / step;
      const double position = symmetric ? v : std::rint(v);
      const double clamped = std::clamp(position, low, high);
      sum += slopes[i] * step * (clamped == position ? v + offsets[i] : clamped - zeroShift);
    }
    return sum;
  }
};

}  // namespace

class TestQat : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void goldenErrorsAreReached() {
    const auto& entries = golden().expected()["qat_lsq"];
    QVERIFY(entries.size() >= 18);
    for (const auto& entry : entries) {
      const std::string layer = entry["layer"];
      if (kSmallOnly && layer != "tiny.q_proj") continue;
      const Settings settings({{"bits", entry["bits"].get<std::int64_t>()},
                               {"group_size", entry["group_size"].get<std::int64_t>()},
                               {"symmetric", true},
                               {"steps", entry["steps"].get<std::int64_t>()}});
      const LayerOutcome outcome =
          qs::test::runMethod("qat", golden().weights(layer), settings, &goldenStats(layer), 2);
      const double got = goldenOutputError(*outcome.tensor, layer);
      const double limit = entry["max_ratio"].get<double>() * entry["metrics"]["rel_output_error"].get<double>();
      QVERIFY2(got <= limit, qPrintable(QString("%1: %2 > %3, start %4")
                                            .arg(entry.dump().c_str())
                                            .arg(got)
                                            .arg(limit)
                                            .arg(outcome.figures.at("start_loss"))));
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
    if (kSmallOnly) QSKIP("takes minutes under the address sanitizer");
    QFETCH(QString, layer);
    QFETCH(bool, symmetric);
    const std::string name = layer.toStdString();
    const Settings settings({{"symmetric", symmetric}});
    const Matrix weights = golden().weights(name);
    const double rtn = goldenOutputError(qs::test::runMethodOk("rtn", weights, settings), name);
    const double got = goldenOutputError(qs::test::runMethodOk("qat", weights, settings, &goldenStats(name), 2), name);
    QVERIFY2(got <= 0.35 * rtn, qPrintable(QString::number(got / rtn)));
  }

  void theGradientsOfHandCases_data() {
    QTest::addColumn<float>("weight");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<float>("weightGradient");
    QTest::addColumn<float>("stepGradient");
    QTest::addColumn<float>("zeroGradient");
    // 3 bits, step 0.5, ∂L/∂ŵ = 2; the asymmetric zero point is 2: codes 0..7 stand for −1 … 2.5.
    QTest::newRow("symmetric, inside: rne(v) − v") << 0.6F << true << 2.0F << 2.0F * (1.0F - 1.2F) << 0.0F;
    QTest::newRow("symmetric, above: Qp") << 5.0F << true << 0.0F << 2.0F * 3.0F << 0.0F;
    QTest::newRow("symmetric, below: Qn") << -5.0F << true << 0.0F << 2.0F * -4.0F << 0.0F;
    QTest::newRow("symmetric, on the upper limit: still inside") << 1.5F << true << 2.0F << 0.0F << 0.0F;
    QTest::newRow("asymmetric, inside: rne(v) − v") << 0.6F << false << 2.0F << 2.0F * (1.0F - 1.2F) << 0.0F;
    QTest::newRow("asymmetric, above: 7 − z") << 5.0F << false << 0.0F << 2.0F * 5.0F << -1.0F;
    QTest::newRow("asymmetric, below: −z") << -5.0F << false << 0.0F << 2.0F * -2.0F << -1.0F;
  }
  void theGradientsOfHandCases() {
    QFETCH(float, weight);
    QFETCH(bool, symmetric);
    QFETCH(float, weightGradient);
    QFETCH(float, stepGradient);
    QFETCH(float, zeroGradient);
    const LsqUnit unit = symmetric ? LsqUnit{0.5F, 0.0F, -4.0F, 3.0F} : LsqUnit{0.5F, 2.0F, 0.0F, 7.0F};
    std::vector<float> gradient{2.0F};
    const auto sums = qs::lsqBackward(std::vector<float>{weight}, unit, symmetric, gradient);
    QCOMPARE(gradient[0], weightGradient);
    QVERIFY(std::abs(static_cast<float>(sums.step) - stepGradient) <= kHandTolerance);
    QVERIFY(std::abs(static_cast<float>(sums.zero) - zeroGradient) <= kHandTolerance);
  }

  void theGradientsAreThoseOfTheClampedSurrogate_data() {
    QTest::addColumn<bool>("symmetric");
    QTest::newRow("symmetric") << true;
    QTest::newRow("asymmetric") << false;
  }
  void theGradientsAreThoseOfTheClampedSurrogate() {
    QFETCH(bool, symmetric);
    const Matrix values = qs::test::randomMatrix(1, 256, 21);
    const Matrix slopes = qs::test::randomMatrix(1, 256, 22);
    const LsqUnit unit = symmetric ? LsqUnit{0.008F, 0.0F, -4.0F, 3.0F} : LsqUnit{0.008F, 3.0F, 0.0F, 7.0F};
    std::vector<double> w(values.values().begin(), values.values().end());
    std::vector<double> gradient(slopes.values().begin(), slopes.values().end());
    const Surrogate loss(unit, symmetric, w, gradient);
    const auto sums = qs::lsqBackward(w, unit, symmetric, gradient);
    QVERIFY(std::count(gradient.begin(), gradient.end(), 0.0) > 20);  // both kinds of weights occur
    const double step = static_cast<double>(unit.step);
    const double h = 1e-6;
    QVERIFY(close(sums.step, (loss(w, step + h) - loss(w, step - h)) / (2 * h), kDifferenceTolerance));
    QVERIFY(close(sums.zero, symmetric ? 0.0 : (loss(w, step, h) - loss(w, step, -h)) / (2 * h), kDifferenceTolerance));
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double kept = w[i];
      w[i] = kept + h;
      const double up = loss(w, step);
      w[i] = kept - h;
      const double difference = (up - loss(w, step)) / (2 * h);
      w[i] = kept;
      QVERIFY(close(gradient[i], difference, kDifferenceTolerance));
    }
    std::vector<float> single(slopes.values().begin(), slopes.values().end());
    const auto singleSums = qs::lsqBackward(values.values(), unit, symmetric, single);
    QVERIFY(close(singleSums.step, sums.step, kSingleTolerance) && close(singleSums.zero, sums.zero, kSingleTolerance));
    for (std::size_t i = 0; i < single.size(); ++i)
      QVERIFY(close(static_cast<double>(single[i]), gradient[i], kSingleTolerance));
  }

  void adamTakesAStepOfItsRateFirst() {
    std::vector<float> parameter{1.0F, 1.0F};
    std::vector<float> first(2, 0.0F);
    std::vector<float> second(2, 0.0F);
    qs::adamUpdate(qs::AdamStep::at(1, 0.1), std::vector<float>{3.0F, -0.5F}, first, second, parameter);
    QVERIFY(std::abs(parameter[0] - 0.9F) <= kHandTolerance && std::abs(parameter[1] - 1.1F) <= kHandTolerance);
    QVERIFY(std::abs(first[0] - 0.3F) <= kHandTolerance && std::abs(second[0] - 0.009F) <= kHandTolerance);
  }

  void theCurveIsReportedAndTheBestStepKept() {
    const Matrix weights = golden().weights("tiny.q_proj");
    const LayerOutcome outcome =
        qs::test::runMethod("qat", weights, Settings({{"steps", std::int64_t{80}}}), &goldenStats("tiny.q_proj"));
    const auto& curve = outcome.curves.at(0);
    QCOMPARE(curve.y.size(), std::size_t{81});
    const double best = *std::min_element(curve.y.begin(), curve.y.end());
    QCOMPARE(outcome.figures.at("best_loss"), best);
    QCOMPARE(outcome.figures.at("start_loss"), curve.y[0]);
    const double error = goldenOutputError(*outcome.tensor, "tiny.q_proj");
    QVERIFY2(std::abs(error - best) <= 1e-4 * best, qPrintable(QString::number(error / best)));
    QVERIFY(best < curve.y[0]);
  }

  void noStepsKeepTheStart() {
    const Matrix weights = golden().weights("tiny.q_proj");
    const LayerOutcome outcome =
        qs::test::runMethod("qat", weights, Settings({{"steps", std::int64_t{0}}}), &goldenStats("tiny.q_proj"));
    QCOMPARE(outcome.figures.at("best_step"), 0.0);
    const double rtn = goldenOutputError(qs::test::runMethodOk("rtn", weights, {}), "tiny.q_proj");
    QVERIFY(goldenOutputError(*outcome.tensor, "tiny.q_proj") < 1.5 * rtn);
  }

  void theObserverSeesTheCurveGrow() {
    const Matrix weights = golden().weights("tiny.q_proj");
    const qs::MethodInfo& method = qs::requireMethod("qat");
    const qs::LayerTask task{"q", weights.view(), &goldenStats("tiny.q_proj")};
    std::size_t longest = 0;
    qs::QuantizeOptions options;
    options.curveObserver = [&](const std::string& layer, const qs::MethodCurve& curve) {
      QCOMPARE(layer, std::string("q"));
      QVERIFY(curve.y.size() >= longest);
      longest = curve.y.size();
    };
    static_cast<void>(
        method.quantize({&task, 1}, qs::resolveSettings(method, Settings({{"steps", std::int64_t{20}}})), options, {}));
    QCOMPARE(longest, std::size_t{21});
  }

  void threadsDontShow() {
    const Settings settings({{"steps", std::int64_t{40}}});
    const Matrix weights = golden().weights("odd.down_proj");
    const QuantizedTensor one = qs::test::runMethodOk("qat", weights, settings, &goldenStats("odd.down_proj"), 1);
    for (const int threads : {2, 8})
      QVERIFY(qs::test::runMethodOk("qat", weights, settings, &goldenStats("odd.down_proj"), threads) == one);
  }

  void oneScaleForTheMatrixTrainsToo() {
    const Settings settings({{"group_size", std::int64_t{0}}, {"steps", std::int64_t{60}}});
    const LayerOutcome outcome =
        qs::test::runMethod("qat", golden().weights("tiny.q_proj"), settings, &goldenStats("tiny.q_proj"));
    QCOMPARE(outcome.tensor->scales.size(), std::size_t{1});
    QVERIFY(outcome.figures.at("best_loss") < outcome.figures.at("start_loss"));
  }

  void codesComeFromTheScaleAsStored() {
    const Settings settings({{"steps", std::int64_t{20}}});
    const QuantizedTensor tensor = qs::test::runMethodOk("qat", golden().weights("tiny.q_proj"), settings,
                                                         &goldenStats("tiny.q_proj"), 1, qs::ScaleType::F16);
    for (const float scale : tensor.scales) QCOMPARE(qs::roundToScaleType(scale, qs::ScaleType::F16), scale);
  }

  void hugeAndZeroWeightsAreHandled() {
    Matrix weights = qs::test::randomMatrix(8, 32);
    for (float& value : weights.values()) value *= 1e36F;
    const ActivationStats stats = qs::test::statsOf(qs::test::randomMatrix(100, 32, 2));
    const LayerOutcome huge = qs::test::runMethod("qat", weights, {}, &stats);
    QVERIFY(huge.tensor && huge.figures.at("best_loss") < huge.figures.at("start_loss"));
    const LayerOutcome zero = qs::test::runMethod("qat", Matrix(8, 32), {}, &stats);
    QVERIFY(zero.tensor && zero.notes.size() == 1);
    const ActivationStats dead = qs::test::statsOf(Matrix(8, 32));
    QVERIFY(qs::test::runMethod("qat", weights, {}, &dead).error.find("all zero") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestQat)
#include "tst_qat.moc"
