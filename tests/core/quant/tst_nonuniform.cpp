#include <QtTest>

#include <cmath>

#include "core/kernels/finite.h"
#include "core/quant/codebook.h"
#include "core/quant/output_error.h"
#include "core/stats/error_stats.h"
#include "core/tensor/half.h"
#include "tests/support/golden.h"
#include "tests/support/method_run.h"
#include "tests/support/output_metrics.h"
#include "tests/support/project_paths.h"
#include "tests/support/random_matrix.h"

using qs::Matrix;
using qs::QuantizedTensor;
using qs::Settings;
using qs::test::runMethodOk;

namespace {

constexpr double kMetricTolerance = 1e-4;   // of the golden README, relative
constexpr double kDecibelTolerance = 0.01;  // of the golden README
constexpr double kCosineTolerance = 1e-6;   // of the golden README
constexpr double kCodeShare = 1e-3;         // of the golden README: codes that may differ

const qs::test::Golden& golden() {
  static const qs::test::Golden data(qs::test::dataFolder() / "golden");
  return data;
}

qs::ErrorStats errorsOf(const Matrix& weights, const QuantizedTensor& tensor) {
  qs::ErrorStats errors;
  errors.add(weights.values(), qs::dequantize(tensor).values());
  return errors;
}

double outputError(const std::string& layer, const QuantizedTensor& tensor) {
  const Matrix inputs = golden().inputs(layer);
  return qs::outputErrorOverRows(tensor, golden().weights(layer).view(), inputs.view(), {}).relative();
}

bool close(double got, double expected, double relative) {
  return std::abs(got - expected) <= relative * std::abs(expected);
}

void rowPerEntry(const char* list) {
  QTest::addColumn<int>("index");
  int index = 0;
  for (const auto& entry : golden().expected()[list]) {
    const std::string bits = entry.contains("bits") ? std::to_string(entry["bits"].get<int>()) : "4";
    QTest::addRow("%s at %s bits", entry["layer"].get<std::string>().c_str(), bits.c_str()) << index++;
  }
}

}  // namespace

class TestNonUniform : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void nf4IsTheGoldenOne_data() { rowPerEntry("nf4"); }
  void nf4IsTheGoldenOne() {
    QFETCH(int, index);
    const auto& entry = golden().expected()["nf4"][static_cast<std::size_t>(index)];
    const std::string layer = entry["layer"];
    const Matrix weights = golden().weights(layer);
    const QuantizedTensor tensor = runMethodOk("nf4", weights, {});
    const auto& metrics = entry["metrics"];
    const qs::ErrorStats errors = errorsOf(weights, tensor);
    QVERIFY(close(errors.meanSquaredError(), metrics["weight_mse"], kMetricTolerance));
    QVERIFY(std::abs(errors.sqnrDb() - metrics["weight_sqnr_db"].get<double>()) <= kDecibelTolerance);
    QVERIFY(std::abs(errors.cosine() - metrics["weight_cosine"].get<double>()) <= kCosineTolerance);
    QVERIFY(close(errors.maxAbsError, metrics["weight_max_abs_error"], kMetricTolerance));
    const double output = outputError(layer, tensor);
    QVERIFY2(close(output, metrics["rel_output_error"], kMetricTolerance), qPrintable(QString::number(output, 'g', 9)));
    const qs::test::OutputMetrics outputs =
        qs::test::outputMetrics(weights, qs::dequantize(tensor), golden().inputs(layer));
    QVERIFY(std::abs(outputs.sqnrDb - metrics["output_sqnr_db"].get<double>()) <= kDecibelTolerance);
    QVERIFY(std::abs(outputs.cosine - metrics["output_cosine"].get<double>()) <= kCosineTolerance);
    QVERIFY(close(outputs.maxAbsError, metrics["output_max_abs_error"], kMetricTolerance));
    if (!entry.contains("tensors")) return;
    const std::vector<float> codes = golden().tensor(entry["tensors"]["codes"]).floats();
    std::size_t different = 0;
    for (std::size_t i = 0; i < codes.size(); ++i) different += static_cast<float>(tensor.codes[i]) != codes[i];
    QVERIFY(static_cast<double>(different) <= kCodeShare * static_cast<double>(codes.size()));
    const std::vector<float> absMax = golden().tensor(entry["tensors"]["absmax"]).floats();
    for (std::size_t i = 0; i < absMax.size(); ++i) QCOMPARE(tensor.scales[i], absMax[i]);
  }

  void hqqIsAtLeastAsGoodAsTheGoldenOne_data() { rowPerEntry("hqq"); }
  void hqqIsAtLeastAsGoodAsTheGoldenOne() {
    QFETCH(int, index);
    const auto& entry = golden().expected()["hqq"][static_cast<std::size_t>(index)];
    const std::string layer = entry["layer"];
    const Matrix weights = golden().weights(layer);
    const QuantizedTensor tensor = runMethodOk("hqq", weights,
                                               Settings({{"bits", entry["bits"].get<std::int64_t>()},
                                                         {"group_size", entry["group_size"].get<std::int64_t>()}}));
    const double ratio = entry["max_ratio"];
    QVERIFY(outputError(layer, tensor) <= ratio * entry["metrics"]["rel_output_error"].get<double>());
    const double meanAbs = errorsOf(weights, tensor).sumAbsError / static_cast<double>(weights.values().size());
    QVERIFY(meanAbs <= ratio * entry["mean_abs_error"].get<double>());
    QVERIFY(meanAbs < entry["rtn_mean_abs_error"].get<double>());  // what HQQ promises
  }

  void hqqRefusesZeroPointsThatTheScaleTypeCannotHold() {
    Matrix weights(1, 64);
    for (std::size_t i = 0; i < 64; ++i) weights(0, i) = 100.0F + 1e-5F * static_cast<float>(i);
    QVERIFY(!qs::findNonFinite(qs::dequantize(runMethodOk("hqq", weights, {})).values()));
    const qs::LayerOutcome outcome = qs::test::runMethod("hqq", weights, {}, nullptr, 1, qs::ScaleType::F16);
    QVERIFY2(outcome.error.find("zero point is too large to be stored as F16") != std::string::npos,
             outcome.error.c_str());
  }

  void nf4TakesTheLowerLevelOnABorder() {
    const auto levels = qs::nf4Levels();
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      const float border = (levels[i] + levels[i + 1]) * 0.5F;
      QCOMPARE(qs::nearestLevel(border, levels), static_cast<std::uint8_t>(i));
      QCOMPARE(qs::nearestLevel(std::nextafter(border, 2.0F), levels), static_cast<std::uint8_t>(i + 1));
    }
  }

  void quantizingAgainChangesNothing_data() {
    QTest::addColumn<QString>("method");
    QTest::newRow("NF4 without double quantization") << "nf4";
    QTest::newRow("MXFP4") << "mxfp4";
  }
  void quantizingAgainChangesNothing() {
    QFETCH(QString, method);
    const QuantizedTensor once = runMethodOk(method.toStdString(), qs::test::randomMatrix(9, 200), {});
    const QuantizedTensor twice = runMethodOk(method.toStdString(), qs::dequantize(once), {});
    QVERIFY(qs::dequantize(twice) == qs::dequantize(once));
  }

  void doublingTheWeightsDoublesTheScalesAndKeepsTheCodes_data() {
    QTest::addColumn<QString>("method");
    QTest::newRow("NF4") << "nf4";
    QTest::newRow("MXFP4") << "mxfp4";
    QTest::newRow("FP8") << "fp8-e4m3";
  }
  void doublingTheWeightsDoublesTheScalesAndKeepsTheCodes() {
    QFETCH(QString, method);
    const Matrix weights = qs::test::randomMatrix(9, 130);
    Matrix doubled = weights;
    for (float& value : doubled.values()) value *= 2.0F;
    const QuantizedTensor once = runMethodOk(method.toStdString(), weights, {});
    const QuantizedTensor twice = runMethodOk(method.toStdString(), doubled, {});
    QVERIFY(once.codes == twice.codes);
    for (std::size_t i = 0; i < once.scales.size(); ++i) QCOMPARE(twice.scales[i], 2.0F * once.scales[i]);
  }

  void doubleQuantizationSavesAboutAThirdOfABit() {
    const Matrix weights = qs::test::randomMatrix(64, 1024);  // 1,024 scales: four whole blocks
    const QuantizedTensor plain = runMethodOk("nf4", weights, {});
    const QuantizedTensor nested = runMethodOk("nf4", weights, Settings({{"double_quant", true}}));
    QVERIFY(nested.nestedScales.has_value());
    const double saved = plain.bitsPerWeight() - nested.bitsPerWeight();
    // 32/64 − 8/64 − 32/(64·256) = 0.373 bit a weight, less the table of 256 values that a layer keeps once.
    QVERIFY(std::abs(saved - (0.373 - 8.0 * (4 * 256 + 4) / (64.0 * 1024.0))) < 1e-3);
    QVERIFY(errorsOf(weights, nested).relativeError() < 1.1 * errorsOf(weights, plain).relativeError());
    for (std::size_t i = 0; i < nested.scales.size(); ++i) {
      const qs::NestedScales& n = *nested.nestedScales;
      QCOMPARE(nested.scales[i], n.codebook[n.codes[i]] * n.absMax[i / n.blockSize] + n.offset);
    }
  }

  void dynamicMapHas256AscendingValues() {
    const std::vector<float> map = qs::dynamicMap();
    QCOMPARE(map.size(), std::size_t{256});
    QVERIFY(std::is_sorted(map.begin(), map.end()));
    QCOMPARE(map.back(), 1.0F);
    QCOMPARE(std::count(map.begin(), map.end(), 0.0F), 1);
    QVERIFY(close(static_cast<double>(map.front()), -0.99296875, 1e-6));  // −(0.1 + 0.9·63.5/64)
  }

  void mxfp4ScalesArePowersOfTwo() {
    const Matrix weights = qs::test::randomMatrix(5, 96);
    const QuantizedTensor floor = runMethodOk("mxfp4", weights, {});
    for (const float scale : floor.scales) QCOMPARE(std::exp2(std::rint(std::log2(scale))), scale);
    const QuantizedTensor up = runMethodOk("mxfp4", weights, Settings({{"scale_rounding", std::string("up")}}));
    for (std::size_t r = 0; r < weights.rows(); ++r)
      for (std::size_t c = 0; c < weights.cols(); ++c)
        QVERIFY(std::abs(weights(r, c)) <= 6.0F * up.scales[up.unit(r, c)]);
  }

  void mxfp4OfAKnownBlock() {
    // Largest value 7: scale 2^(2−2) = 1, 7 saturates to 6; 2.5 is a tie between 2 and 3 and goes to the even code.
    const Matrix weights(1, 4, {7.0F, 2.5F, -0.75F, 0.0F});
    const Matrix back = qs::dequantize(runMethodOk("mxfp4", weights, {}));
    QCOMPARE(back(0, 0), 6.0F);
    QCOMPARE(back(0, 1), 2.0F);
    QCOMPARE(back(0, 2), -1.0F);
    QCOMPARE(back(0, 3), 0.0F);
  }

  void fp8CodesAreTheNearestOnes() {
    // Against the general conversion, over every exponent and all kinds of ties. 448 makes the scale 1.
    Matrix weights(1, 20001);
    for (std::size_t i = 0; i < 20000; ++i)
      weights(0, i) = std::ldexp(static_cast<float>(i % 257) / 128.0F, static_cast<int>(i / 257 % 20) - 12) *
                      (i % 2 == 0 ? 1.0F : -1.0F);
    weights(0, 20000) = 448.0F;
    const QuantizedTensor tensor = runMethodOk("fp8-e4m3", weights, {});
    QCOMPARE(tensor.scales[0], 1.0F);
    for (std::size_t i = 0; i < weights.cols(); ++i)
      QCOMPARE(tensor.codes[i], qs::floatToMiniFloat(qs::kE4M3, weights(0, i)));
  }

  void mxfp4CodesAreTheNearestOnes() {
    Matrix weights(1, 32 * 40);
    for (std::size_t i = 0; i < weights.cols(); ++i)
      weights(0, i) = static_cast<float>(static_cast<int>(i * 7 % 65) - 32) / 8.0F;
    for (std::size_t block = 0; block < 40; ++block) weights(0, block * 32) = 6.0F;  // makes every scale 1
    const QuantizedTensor tensor = runMethodOk("mxfp4", weights, {});
    for (std::size_t i = 0; i < weights.cols(); ++i)
      QCOMPARE(tensor.codebook[tensor.codes[i]], tensor.codebook[qs::floatToMiniFloat(qs::kE2M1, weights(0, i))]);
  }

  void fp8KeepsTheLargestWeightAndThreeMantissaBits() {
    const Matrix weights = qs::test::randomMatrix(6, 300);
    const QuantizedTensor tensor = runMethodOk("fp8-e4m3", weights, {});
    const Matrix back = qs::dequantize(tensor);
    for (std::size_t r = 0; r < weights.rows(); ++r) {
      for (std::size_t c = 0; c < weights.cols(); ++c) {
        const double exact = static_cast<double>(weights(r, c));
        const double error = std::abs(static_cast<double>(back(r, c)) - exact);
        const double smallestStep = 0x1.0p-9 * static_cast<double>(tensor.scales[r]);
        QVERIFY(error <= std::max(std::abs(exact) / 16.0, smallestStep / 2) * 1.0001);
        QVERIFY(tensor.codes[r * weights.cols() + c] % 128 != 127);
      }
    }
  }
};

QTEST_APPLESS_MAIN(TestNonUniform)
#include "tst_nonuniform.moc"
