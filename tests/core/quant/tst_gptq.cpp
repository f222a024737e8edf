#include <QtTest>

#include <cmath>

#include "core/base/parallel.h"
#include "core/kernels/gptq_rows.h"
#include "core/kernels/triangular.h"
#include "core/quant/gptq_hessian.h"
#include "core/quant/uniform_grid.h"
#include "tests/support/golden.h"
#include "tests/support/method_run.h"
#include "tests/support/random_matrix.h"
#include "tests/support/vector_targets.h"

using qs::ActivationStats;
using qs::LayerOutcome;
using qs::Matrix;
using qs::QuantizedTensor;
using qs::QuantScheme;
using qs::Settings;
using qs::test::golden;
using qs::test::goldenOutputError;
using qs::test::goldenStats;

namespace {

constexpr double kLossTolerance = 1e-9;    // the predicted loss against the exact one in F64, relative
constexpr double kSingleTolerance = 1e-4;  // the same of the F32 kernel, for the codes that it chose
constexpr double kCodeShare = 1e-3;        // codes of the F32 kernel that may differ from those of F64

Settings gptqSettings(const nlohmann::json& entry) {
  return Settings({{"bits", entry["bits"].get<std::int64_t>()},
                   {"group_size", entry["group_size"].get<std::int64_t>()},
                   {"symmetric", entry["symmetric"].get<bool>()},
                   {"act_order", entry["act_order"].get<bool>()},
                   {"static_groups", entry["static_groups"].get<bool>()},
                   {"block_size", entry["block_size"].get<std::int64_t>()},
                   {"damping", entry["percdamp"].get<double>()}});
}

template <typename Real>
struct Run {
  QuantizedTensor tensor;
  double loss = 0;
};

struct Algebra {
  bool liveGrids = false;
  std::size_t blockSize = 128;
  bool byActivation = false;
  double damping = 0.01;
};

// The method's algebra in the arithmetic of Real.
template <typename Real>
Run<Real> runAlgebra(const Matrix& weights, const ActivationStats& stats, const QuantScheme& scheme,
                     const Algebra& options) {
  const qs::RunContext context;
  const auto order = qs::columnOrder(stats, options.byActivation);
  std::vector<double> upper = qs::dampedHessian(stats, order, options.damping, context);
  if (!qs::factorUpper(upper, order.size(), context)) throw std::runtime_error("not positive definite");
  const qs::GptqFactor<Real> factor(upper, order.size(), options.blockSize, context);
  const auto grids =
      options.liveGrids ? std::vector<qs::UnitGrid>{} : qs::findGrids(weights.view(), scheme, false, context);
  Run<Real> run{.tensor = qs::emptyTensor(scheme, weights.rows(), weights.cols())};
  for (std::size_t i = 0; i < grids.size(); ++i) {
    run.tensor.scales[i] = grids[i].scale;
    if (!run.tensor.zeroPoints.empty()) run.tensor.zeroPoints[i] = grids[i].zero;
  }
  run.loss = qs::gptqAllRows(qs::GptqProblem{weights.view(), order, grids}, factor, run.tensor, context);
  return run;
}

std::size_t differences(const QuantizedTensor& a, const QuantizedTensor& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.codes.size(); ++i) count += a.codes[i] != b.codes[i];
  return count;
}

// tr(ΔW·(G + added·I)·ΔWᵀ) in F64.
double dampedLoss(const Matrix& weights, const QuantizedTensor& tensor, const ActivationStats& stats, double damping) {
  const Matrix back = qs::dequantize(tensor);
  const std::size_t width = weights.cols();
  const double added = qs::dampingTerm(stats, damping);
  double sum = 0;
  for (std::size_t r = 0; r < weights.rows(); ++r) {
    std::vector<double> error(width);
    for (std::size_t c = 0; c < width; ++c)
      error[c] = static_cast<double>(weights(r, c)) - static_cast<double>(back(r, c));
    for (std::size_t i = 0; i < width; ++i)
      for (std::size_t j = 0; j < width; ++j)
        sum += error[i] * error[j] * (stats.gram[i * width + j] + (i == j ? added : 0.0));
  }
  return sum;
}

std::vector<double> inverted(std::vector<double> a, std::size_t n) {
  std::vector<double> inverse(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) inverse[i * n + i] = 1.0;
  for (std::size_t p = 0; p < n; ++p) {  // Gauss-Jordan; the matrix is positive definite, so no pivoting
    const double pivot = a[p * n + p];
    for (std::size_t c = 0; c < n; ++c) {
      a[p * n + c] /= pivot;
      inverse[p * n + c] /= pivot;
    }
    for (std::size_t r = 0; r < n; ++r) {
      if (r == p) continue;
      const double factor = a[r * n + p];
      for (std::size_t c = 0; c < n; ++c) {
        a[r * n + c] -= factor * a[p * n + c];
        inverse[r * n + c] -= factor * inverse[p * n + c];
      }
    }
  }
  return inverse;
}

// Optimal brain surgery as first published: after each column the Hessian of those still open is inverted anew.
std::vector<float> reinversionOracle(const Matrix& weights, const ActivationStats& stats, const QuantScheme& scheme,
                                     std::span<const qs::UnitGrid> grids, double damping) {
  const std::size_t n = weights.cols();
  std::vector<double> w(weights.values().begin(), weights.values().end());
  std::vector<float> codes(w.size());
  const double added = qs::dampingTerm(stats, damping);
  const auto [low, high] = qs::codeLimits(scheme);
  for (std::size_t j = 0; j < n; ++j) {
    const std::size_t open = n - j;
    std::vector<double> hessian(open * open);
    for (std::size_t a = 0; a < open; ++a)
      for (std::size_t b = 0; b < open; ++b)
        hessian[a * open + b] = stats.gram[(j + a) * n + j + b] + (a == b ? added : 0.0);
    const std::vector<double> inverse = inverted(std::move(hessian), open);
    for (std::size_t r = 0; r < weights.rows(); ++r) {
      const qs::UnitGrid grid = grids[r * scheme.groupsPerRow(n) + j / scheme.groupLength(n)];
      const double scale = static_cast<double>(grid.scale);
      const double zero = static_cast<double>(grid.zero);
      const double code = std::clamp(std::rint(w[r * n + j] / scale) + zero, double{low}, double{high});
      codes[r * n + j] = static_cast<float>(code);
      const double error = (w[r * n + j] - (code - zero) * scale) / inverse[0];
      for (std::size_t b = 0; b < open; ++b) w[r * n + j + b] -= error * inverse[b];
    }
  }
  return codes;
}

}  // namespace

class TestGptq : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void goldenErrorsAreReached() {
    const auto& entries = golden().expected()["gptq"];
    QVERIFY(entries.size() >= 80);
    for (const auto& entry : entries) {
      const std::string layer = entry["layer"];
      const QuantizedTensor tensor =
          qs::test::runMethodOk("gptq", golden().weights(layer), gptqSettings(entry), &goldenStats(layer));
      const double expected = entry["metrics"]["rel_output_error"];
      const double got = goldenOutputError(tensor, layer);
      QVERIFY2(
          got <= entry["max_ratio"].get<double>() * expected,
          qPrintable(QString("%1: %2 instead of %3").arg(QString::fromStdString(entry.dump())).arg(got).arg(expected)));
    }
  }

  void errorAgainstRtn_data() {
    QTest::addColumn<QString>("layer");
    QTest::addColumn<bool>("actOrder");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<double>("share");
    for (const char* layer : {"mid.up_proj", "odd.down_proj"})
      for (const bool symmetric : {false, true}) {
        const QString grid = symmetric ? ", symmetric" : ", asymmetric";
        QTest::newRow(qPrintable(QString(layer) + grid + ": at most 0.35")) << layer << false << symmetric << 0.35;
        QTest::newRow(qPrintable(QString(layer) + grid + ", activation order: at most 0.12"))
            << layer << true << symmetric << 0.12;
      }
  }
  void errorAgainstRtn() {
    QFETCH(QString, layer);
    QFETCH(bool, actOrder);
    QFETCH(bool, symmetric);
    QFETCH(double, share);
    const std::string name = layer.toStdString();
    const Matrix weights = golden().weights(name);
    const double rtn =
        goldenOutputError(qs::test::runMethodOk("rtn", weights, Settings({{"symmetric", symmetric}})), name);
    const Settings settings({{"symmetric", symmetric}, {"act_order", actOrder}});
    const double got = goldenOutputError(qs::test::runMethodOk("gptq", weights, settings, &goldenStats(name)), name);
    QVERIFY2(got <= share * rtn, qPrintable(QString::number(got / rtn)));
  }

  void aDiagonalGramMatrixGivesRtn() {
    const Matrix weights = qs::test::randomMatrix(40, 96);
    ActivationStats stats = qs::test::statsOf(qs::test::randomMatrix(200, 96, 2));
    for (std::size_t i = 0; i < 96; ++i)
      for (std::size_t j = 0; j < 96; ++j)
        if (i != j) stats.gram[i * 96 + j] = 0.0;
    for (const bool staticGroups : {false, true}) {
      const Settings common({{"group_size", std::int64_t{32}}});
      Settings settings = common;
      settings.set("act_order", false);
      settings.set("static_groups", staticGroups);
      QVERIFY(qs::test::runMethodOk("gptq", weights, settings, &stats) ==
              qs::test::runMethodOk("rtn", weights, common));
    }
  }

  void theBlockSizeChangesNothing() {
    const Matrix weights = qs::test::randomMatrix(24, 200);
    const ActivationStats stats = qs::test::statsOf(qs::test::correlatedInputs(600, 200));
    for (const std::int64_t group : {16, 48, 128, -1}) {
      const QuantScheme scheme{.bits = 3, .groupSize = group};
      const bool live = group > 0;
      const auto exact = runAlgebra<double>(weights, stats, scheme, {.liveGrids = live});
      for (const std::size_t block : {1, 7, 32, 200, 1024}) {
        const Algebra options{.liveGrids = live, .blockSize = block};
        QCOMPARE(differences(runAlgebra<double>(weights, stats, scheme, options).tensor, exact.tensor), std::size_t{0});
        const auto single = runAlgebra<float>(weights, stats, scheme, options);
        QVERIFY(static_cast<double>(differences(single.tensor, exact.tensor)) <=
                kCodeShare * static_cast<double>(weights.values().size()));
      }
    }
  }

  // More columns than the factor keeps in one panel, and more rows than a task takes, neither a multiple.
  void wideLayersDontDependOnTheBlockSize() {
    const Matrix weights = qs::test::randomMatrix(300, 1030);
    const ActivationStats stats = qs::test::statsOf(qs::test::correlatedInputs(1200, 1030));
    const QuantScheme scheme{.bits = 4, .groupSize = 128};
    const auto exact = runAlgebra<double>(weights, stats, scheme, {.liveGrids = true});
    const auto other = runAlgebra<double>(weights, stats, scheme, {.liveGrids = true, .blockSize = 1030});
    QCOMPARE(differences(other.tensor, exact.tensor), std::size_t{0});
    const double loss = dampedLoss(weights, exact.tensor, stats, 0.01);
    QVERIFY(std::abs(exact.loss - loss) <= kSingleTolerance * loss);  // scales are stored in F32
    const auto single = runAlgebra<float>(weights, stats, scheme, {.liveGrids = true});
    QVERIFY(static_cast<double>(differences(single.tensor, exact.tensor)) <=
            kCodeShare * static_cast<double>(weights.values().size()));
  }

  void targetsThatFuseGiveTheSameCodes() {
    const Matrix weights = qs::test::randomMatrix(40, 200);
    const ActivationStats stats = qs::test::statsOf(qs::test::correlatedInputs(600, 200));
    const QuantScheme scheme{.bits = 3, .groupSize = 48};
    const QuantizedTensor exact = runAlgebra<double>(weights, stats, scheme, {.liveGrids = true}).tensor;
    QuantizedTensor fused;
    qs::test::onEveryTarget([&](std::int64_t target) {
      const QuantizedTensor tensor = runAlgebra<float>(weights, stats, scheme, {.liveGrids = true}).tensor;
      QVERIFY(static_cast<double>(differences(tensor, exact)) <=
              kCodeShare * static_cast<double>(weights.values().size()));
      if (!qs::test::hasMultiplyAdd(target)) return;
      if (fused.codes.empty()) fused = tensor;
      QVERIFY(tensor == fused);
    });
  }

  void thePredictedLossIsTheLoss_data() {
    QTest::addColumn<bool>("liveGrids");
    QTest::addColumn<bool>("byActivation");
    QTest::newRow("live grids") << true << false;
    QTest::newRow("static grids") << false << false;
    QTest::newRow("static grids, activation order") << false << true;
  }
  void thePredictedLossIsTheLoss() {
    QFETCH(bool, liveGrids);
    QFETCH(bool, byActivation);
    Matrix weights = qs::test::randomMatrix(20, 150);
    Matrix inputs = qs::test::correlatedInputs(400, 150);
    for (const std::size_t dead : {3, 77, 149}) {
      for (std::size_t t = 0; t < inputs.rows(); ++t) inputs(t, dead) = 0.0F;
      for (std::size_t r = 0; r < weights.rows(); ++r) weights(r, dead) = 0.0F;
    }
    const ActivationStats stats = qs::test::statsOf(inputs);
    // Powers of two as scales, so that ŵ is the same number in F32 and in F64.
    const QuantScheme scheme{.bits = 4, .groupSize = 32, .scaleType = qs::ScaleType::E8M0};
    const Algebra options{.liveGrids = liveGrids, .blockSize = 64, .byActivation = byActivation};
    const auto run = runAlgebra<double>(weights, stats, scheme, options);
    const double exact = dampedLoss(weights, run.tensor, stats, options.damping);
    QVERIFY2(std::abs(run.loss - exact) <= kLossTolerance * exact, qPrintable(QString::number(run.loss / exact - 1)));
    const auto single = runAlgebra<float>(weights, stats, scheme, options);
    QVERIFY(static_cast<double>(differences(single.tensor, run.tensor)) <=
            kCodeShare * static_cast<double>(weights.values().size()));
    const double singleExact = dampedLoss(weights, single.tensor, stats, options.damping);
    QVERIFY(std::abs(single.loss - singleExact) <= kSingleTolerance * singleExact);
  }

  void reinvertingAfterEachColumnGivesTheSame() {
    const Matrix weights = qs::test::randomMatrix(12, 60);
    const ActivationStats stats = qs::test::statsOf(qs::test::correlatedInputs(300, 60));
    const QuantScheme scheme{.bits = 3, .groupSize = 20};
    const auto grids = qs::findGrids(weights.view(), scheme, false, {});
    const auto codes = reinversionOracle(weights, stats, scheme, grids, 0.01);
    const auto run = runAlgebra<double>(weights, stats, scheme, {.blockSize = 16});
    for (std::size_t i = 0; i < codes.size(); ++i) QCOMPARE(static_cast<float>(run.tensor.codes[i]), codes[i]);
    const auto single = runAlgebra<float>(weights, stats, scheme, {.blockSize = 16});
    QVERIFY(static_cast<double>(differences(single.tensor, run.tensor)) <=
            kCodeShare * static_cast<double>(codes.size()));
  }

  void theLossesAreReported() {
    const LayerOutcome outcome =
        qs::test::runMethod("gptq", golden().weights("mid.up_proj"), {}, &goldenStats("mid.up_proj"));
    const double exact = outcome.figures.at("exact_loss");
    QVERIFY(std::abs(exact - goldenOutputError(*outcome.tensor, "mid.up_proj")) <= 1e-4 * exact);
    QVERIFY(outcome.figures.at("predicted_loss") >= exact);  // it also counts the damping
    QCOMPARE(outcome.figures.at("damping"), 0.01);
  }

  void deadInputsBecomeZero() {
    const LayerOutcome outcome =
        qs::test::runMethod("gptq", golden().weights("mid.up_proj"), {}, &goldenStats("mid.up_proj"));
    const Matrix back = qs::dequantize(*outcome.tensor);
    for (const std::size_t dead : {88, 418})
      for (std::size_t r = 0; r < back.rows(); ++r) QCOMPARE(back(r, dead), 0.0F);
    QVERIFY(outcome.notes.at(0).starts_with("2 inputs"));
  }

  void activationOrderWithoutStaticGroupsHasAGroupIndex() {
    const Settings settings({{"static_groups", false}});
    const QuantizedTensor tensor =
        qs::test::runMethodOk("gptq", golden().weights("mid.up_proj"), settings, &goldenStats("mid.up_proj"));
    QCOMPARE(tensor.groupIndex.size(), std::size_t{512});
    QCOMPARE(tensor.groupIndex[468], 0);  // the channel with the largest inputs
    std::vector<int> sizes(4, 0);
    for (const std::int32_t group : tensor.groupIndex) ++sizes.at(static_cast<std::size_t>(group));
    QVERIFY(sizes == std::vector<int>({128, 128, 128, 128}));
    const QuantizedTensor fixed =
        qs::test::runMethodOk("gptq", golden().weights("mid.up_proj"), {}, &goldenStats("mid.up_proj"));
    QVERIFY(fixed.groupIndex.empty());
  }

  void doublingTheWeightsDoublesTheScales() {
    const Matrix weights = golden().weights("mid.up_proj");
    Matrix doubled = weights;
    for (float& value : doubled.values()) value *= 2.0F;
    for (const bool symmetric : {false, true}) {
      for (const bool staticGroups : {false, true}) {
        const Settings settings({{"symmetric", symmetric}, {"static_groups", staticGroups}});
        const QuantizedTensor once = qs::test::runMethodOk("gptq", weights, settings, &goldenStats("mid.up_proj"));
        const QuantizedTensor twice = qs::test::runMethodOk("gptq", doubled, settings, &goldenStats("mid.up_proj"));
        QVERIFY(once.codes == twice.codes && once.zeroPoints == twice.zeroPoints);
        for (std::size_t i = 0; i < once.scales.size(); ++i) QCOMPARE(twice.scales[i], 2.0F * once.scales[i]);
      }
    }
  }

  void threadsDontShow() {
    const Settings settings({{"static_groups", false}, {"mse_range", true}});
    const Matrix weights = golden().weights("odd.down_proj");
    const ActivationStats& stats = goldenStats("odd.down_proj");
    const QuantizedTensor one = qs::test::runMethodOk("gptq", weights, settings, &stats, 1);
    for (const int threads : {2, 8}) QVERIFY(qs::test::runMethodOk("gptq", weights, settings, &stats, threads) == one);
  }

  void aSingularGramMatrixRaisesTheDamping() {
    const Matrix weights = qs::test::randomMatrix(16, 64);
    const ActivationStats stats = qs::test::statsOf(qs::test::correlatedInputs(8, 64));
    const LayerOutcome outcome = qs::test::runMethod("gptq", weights, Settings({{"damping", 0.0}}), &stats);
    QVERIFY(outcome.tensor.has_value());
    QVERIFY(outcome.figures.at("damping") > 0.0);
    QVERIFY(outcome.notes.at(0).find("at least 256") != std::string::npos);
    QVERIFY(outcome.notes.at(1).starts_with("damping raised to"));
  }

  void aMatrixThatCantBeFactoredFallsBackAndSaysSo() {
    const Matrix weights = qs::test::randomMatrix(16, 64);
    ActivationStats stats = qs::test::statsOf(qs::test::correlatedInputs(100, 64));
    stats.gram[3 * 64 + 7] = stats.gram[7 * 64 + 3] = std::nan("");
    const LayerOutcome outcome = qs::test::runMethod("gptq", weights, {}, &stats);
    QVERIFY(outcome.tensor.has_value());
    QVERIFY(*outcome.tensor == qs::test::runMethodOk("rtn", weights, {}));
    QVERIFY(outcome.notes.back().find("RTN") != std::string::npos);
    QCOMPARE(outcome.figures.at("fell_back_to_rtn"), 1.0);
    // 0.01 and seven times tenfold: the last that was tried.
    QVERIFY2(outcome.notes.back().find("damping 1e+05") != std::string::npos ||
                 outcome.notes.back().find("damping 100000") != std::string::npos,
             outcome.notes.back().c_str());
  }

  void theFallbackLeavesTheWeightsOfDeadInputs() {
    const Matrix weights = qs::test::randomMatrix(16, 64);
    Matrix inputs = qs::test::correlatedInputs(100, 64);
    for (std::size_t t = 0; t < inputs.rows(); ++t) inputs(t, 5) = 0.0F;
    ActivationStats stats = qs::test::statsOf(inputs);
    stats.gram[3 * 64 + 7] = stats.gram[7 * 64 + 3] = std::nan("");
    const LayerOutcome outcome = qs::test::runMethod("gptq", weights, {}, &stats);
    QCOMPARE(outcome.figures.at("fell_back_to_rtn"), 1.0);
    for (const std::string& note : outcome.notes) QVERIFY2(note.find("became 0") == std::string::npos, note.c_str());
  }

  void unusableCalibrationFailsTheLayer() {
    const Matrix weights = qs::test::randomMatrix(16, 64);
    QVERIFY(!qs::test::runMethod("gptq", weights, {}).error.empty());
    const ActivationStats zero = qs::test::statsOf(Matrix(32, 64));
    const LayerOutcome outcome = qs::test::runMethod("gptq", weights, {}, &zero);
    QVERIFY(!outcome.tensor && outcome.error.find("all zero") != std::string::npos);
    const ActivationStats narrow = qs::test::statsOf(qs::test::correlatedInputs(100, 63));
    QVERIFY(qs::test::runMethod("gptq", weights, {}, &narrow).error.find("expected 64") != std::string::npos);
  }

  void theIntroductoryFormIsWorse() {
    const Settings settings({{"plain_inverse", true}});
    const Matrix weights = golden().weights("mid.up_proj");
    const ActivationStats& stats = goldenStats("mid.up_proj");
    const double plain = goldenOutputError(qs::test::runMethodOk("gptq", weights, settings, &stats), "mid.up_proj");
    const double published = goldenOutputError(qs::test::runMethodOk("gptq", weights, {}, &stats), "mid.up_proj");
    QVERIFY(plain > 2.0 * published);
  }
};

QTEST_APPLESS_MAIN(TestGptq)
#include "tst_gptq.moc"
