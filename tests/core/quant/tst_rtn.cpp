#include <QtTest>

#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/convert.h"
#include "core/kernels/dequantize.h"
#include "core/kernels/finite.h"
#include "core/quant/method_registry.h"
#include "core/quant/output_error.h"
#include "core/quant/uniform_grid.h"
#include "core/stats/error_stats.h"
#include "tests/support/golden.h"
#include "tests/support/output_metrics.h"
#include "tests/support/project_paths.h"
#include "tests/support/random_matrix.h"
#include "tests/support/stored_bytes.h"

using qs::Matrix;
using qs::QuantizedTensor;
using qs::QuantScheme;
using qs::Settings;

namespace {

constexpr double kMetricTolerance = 1e-4;   // of the golden README, relative
constexpr double kDecibelTolerance = 0.01;  // of the golden README
constexpr double kCosineTolerance = 1e-6;   // of the golden README
constexpr double kScaleTolerance = 1e-6;    // of the golden README, relative

const qs::test::Golden& golden() {
  static const qs::test::Golden data(qs::test::dataFolder() / "golden");
  return data;
}

std::int64_t groupSizeOf(const nlohmann::json& entry) {
  if (entry["granularity"] == "tensor") return qs::kPerTensor;
  if (entry["granularity"] == "channel") return qs::kPerChannel;
  return entry["group_size"];
}

QuantizedTensor rtn(const Matrix& weights, const Settings& overrides, int threads = 1,
                    qs::ScaleType scaleType = qs::ScaleType::F32) {
  const qs::MethodInfo& method = qs::requireMethod("rtn");
  const qs::LayerTask task{.name = "layer", .weights = weights.view()};
  std::vector<qs::LayerOutcome> outcomes;
  const qs::RunContext context{.threads = threads};
  qs::inWorkerArena(context, [&] {
    outcomes = method.quantize({&task, 1}, qs::resolveSettings(method, overrides), {.scaleType = scaleType}, context);
  });
  if (!outcomes.at(0).tensor) throw qs::failedError("rtn", outcomes.at(0).error);
  return *outcomes.at(0).tensor;
}

Settings settingsOf(const nlohmann::json& entry) {
  Settings settings({{"bits", entry["bits"].get<std::int64_t>()},
                     {"group_size", groupSizeOf(entry)},
                     {"symmetric", entry["symmetric"].get<bool>()}});
  if (entry["symmetric"].get<bool>()) settings.set("symmetric_range", entry["sym_range"].get<std::string>());
  return settings;
}

qs::ErrorStats errorsOf(const Matrix& weights, const QuantizedTensor& tensor) {
  qs::ErrorStats errors;
  errors.add(weights.values(), qs::dequantize(tensor).values());
  return errors;
}

std::size_t differences(const std::vector<float>& a, const std::vector<float>& b) {
  std::size_t count = a.size() == b.size() ? 0 : std::max(a.size(), b.size());
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) count += a[i] != b[i];
  return count;
}

std::vector<float> codesOf(const QuantizedTensor& tensor) {
  std::vector<float> codes;
  for (std::size_t r = 0; r < tensor.rows; ++r)
    for (std::size_t c = 0; c < tensor.cols; ++c) codes.push_back(static_cast<float>(tensor.code(r, c)));
  return codes;
}

bool close(double got, double expected, double relative) {
  return std::abs(got - expected) <= relative * std::abs(expected);
}

}  // namespace

class TestRtn : public QObject {
  Q_OBJECT

  static void goldenRows(const char* list) {
    QTest::addColumn<QString>("list");
    QTest::addColumn<int>("index");
    int index = 0;
    for (const auto& entry : golden().expected()[list]) {
      const std::string row = entry["layer"].get<std::string>() + " " + entry["id"].get<std::string>();
      QTest::newRow(row.c_str()) << QString(list) << index++;
    }
  }

 private Q_SLOTS:
  void codesScalesAndZeroPointsAreTheGoldenOnes_data() { goldenRows("rtn"); }
  void codesScalesAndZeroPointsAreTheGoldenOnes() {
    QFETCH(QString, list);
    QFETCH(int, index);
    const auto& entry = golden().expected()[list.toStdString()][static_cast<std::size_t>(index)];
    const Matrix weights = golden().weights(entry["layer"]);
    const QuantizedTensor tensor = rtn(weights, settingsOf(entry));

    // Stricter than the README asks: F32 with true division gives the same bits everywhere.
    if (entry.contains("tensors")) {
      const auto& names = entry["tensors"];
      QCOMPARE(differences(codesOf(tensor), golden().tensor(names["codes"]).floats()), std::size_t{0});
      const std::vector<float> scales = golden().tensor(names["scale"]).floats();
      QCOMPARE(tensor.scales.size(), scales.size());
      for (std::size_t i = 0; i < scales.size(); ++i)
        QVERIFY(close(static_cast<double>(tensor.scales[i]), static_cast<double>(scales[i]), kScaleTolerance));
      if (names.contains("zero"))
        QCOMPARE(differences(tensor.zeroPoints, golden().tensor(names["zero"]).floats()), std::size_t{0});
    }
    const auto& metrics = entry["metrics"];
    const qs::ErrorStats errors = errorsOf(weights, tensor);
    QVERIFY(close(errors.meanSquaredError(), metrics["weight_mse"], kMetricTolerance));
    QVERIFY(std::abs(errors.sqnrDb() - metrics["weight_sqnr_db"].get<double>()) <= kDecibelTolerance);
    QVERIFY(std::abs(errors.cosine() - metrics["weight_cosine"].get<double>()) <= kCosineTolerance);
    QVERIFY(close(errors.maxAbsError, metrics["weight_max_abs_error"], kMetricTolerance));
    const Matrix inputs = golden().inputs(entry["layer"]);
    const double output = qs::outputErrorOverRows(tensor, weights.view(), inputs.view(), {}).relative();
    QVERIFY(close(output, metrics["rel_output_error"], kMetricTolerance));
    const qs::test::OutputMetrics outputs = qs::test::outputMetrics(weights, qs::dequantize(tensor), inputs);
    QVERIFY(std::abs(outputs.sqnrDb - metrics["output_sqnr_db"].get<double>()) <= kDecibelTolerance);
    QVERIFY(std::abs(outputs.cosine - metrics["output_cosine"].get<double>()) <= kCosineTolerance);
    QVERIFY(close(outputs.maxAbsError, metrics["output_max_abs_error"], kMetricTolerance));
  }

  void degenerateGroupsAreTheGoldenOnes_data() { goldenRows("edge"); }
  void degenerateGroupsAreTheGoldenOnes() {
    QFETCH(int, index);
    const auto& entry = golden().expected()["edge"][static_cast<std::size_t>(index)];
    const QuantizedTensor tensor = rtn(golden().weights("edge"), settingsOf(entry));
    const auto& names = entry["tensors"];
    QCOMPARE(differences(codesOf(tensor), golden().tensor(names["codes"]).floats()), std::size_t{0});
    QCOMPARE(differences(tensor.scales, golden().tensor(names["scale"]).floats()), std::size_t{0});
    if (names.contains("zero"))
      QCOMPARE(differences(tensor.zeroPoints, golden().tensor(names["zero"]).floats()), std::size_t{0});
    QVERIFY(tensor.zeroPoints.empty() == entry["symmetric"].get<bool>());
  }

  void nonFiniteWeightsAreRefusedByNameAndIndex_data() {
    QTest::addColumn<QString>("tensor");
    QTest::addColumn<QString>("where");
    QTest::newRow("a NaN") << "nan.weight"
                           << "NaN at [2, 5]";
    QTest::newRow("a negative infinity") << "inf.weight"
                                         << "-infinity at [1, 3]";
  }
  void nonFiniteWeightsAreRefusedByNameAndIndex() {
    QFETCH(QString, tensor);
    QFETCH(QString, where);
    const Matrix weights = golden().tensor(tensor.toStdString()).matrix();
    try {
      qs::requireFinite(tensor.toStdString(), weights.view());
      QFAIL("accepted");
    } catch (const qs::Error& error) {
      const QString message = error.what();
      QVERIFY2(message.startsWith(tensor) && message.contains(where), qPrintable(message));
    }
  }

  void errorIsAtMostHalfAStepInsideTheRange_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("symmetric");
    for (int bits = 2; bits <= 8; ++bits) {
      QTest::addRow("%d bits, asymmetric", bits) << bits << false;
      QTest::addRow("%d bits, symmetric", bits) << bits << true;
    }
  }
  void errorIsAtMostHalfAStepInsideTheRange() {
    QFETCH(int, bits);
    QFETCH(bool, symmetric);
    Matrix weights = qs::test::randomMatrix(7, 100);
    for (std::size_t r = 0; r < weights.rows(); ++r) weights(r, 3 * r) = 0.0F;
    const QuantizedTensor tensor = rtn(
        weights, Settings({{"bits", std::int64_t{bits}}, {"symmetric", symmetric}, {"group_size", std::int64_t{32}}}));
    const Matrix back = qs::dequantize(tensor);
    for (std::size_t r = 0; r < weights.rows(); ++r) {
      for (std::size_t c = 0; c < weights.cols(); ++c) {
        const std::size_t unit = tensor.unit(r, c);
        const double step = static_cast<double>(tensor.scales[unit]);
        const double zero = symmetric ? 0.0 : static_cast<double>(tensor.zeroPoints[unit]);
        const double value = static_cast<double>(weights(r, c));
        const double lowest = (tensor.scheme.minCode() - zero) * step;
        const double highest = (tensor.scheme.maxCode() - zero) * step;
        // The rounding of the zero point shifts an asymmetric range: beyond its end the nearest code is the last one.
        const double nearest = std::clamp(value, lowest, highest);
        const double error = std::abs(static_cast<double>(back(r, c)) - nearest);
        QVERIFY(error <= (nearest == value ? 0.5 : 0.0) * step + 1e-6 * std::abs(highest - lowest));
        if (value == 0.0) QCOMPARE(back(r, c), 0.0F);
      }
    }
  }

  void doublingTheWeightsDoublesTheScalesAndKeepsTheCodes() {
    const Matrix weights = qs::test::randomMatrix(9, 130);
    Matrix doubled = weights;
    for (float& value : doubled.values()) value *= 2.0F;
    for (const bool symmetric : {false, true}) {
      const QuantizedTensor once = rtn(weights, Settings({{"symmetric", symmetric}}));
      const QuantizedTensor twice = rtn(doubled, Settings({{"symmetric", symmetric}}));
      QVERIFY(once.codes == twice.codes && once.zeroPoints == twice.zeroPoints);
      for (std::size_t i = 0; i < once.scales.size(); ++i) QCOMPARE(twice.scales[i], 2.0F * once.scales[i]);
    }
  }

  void errorFallsWithBitsAndWithSmallerGroups() {
    const Matrix weights = qs::test::randomMatrix(32, 256);
    double last = std::numeric_limits<double>::infinity();
    for (std::int64_t bits = 2; bits <= 8; ++bits) {
      const double error = errorsOf(weights, rtn(weights, Settings({{"bits", bits}}))).meanSquaredError();
      QVERIFY(error < last);
      last = error;
    }
    last = std::numeric_limits<double>::infinity();
    for (const std::int64_t group : {0, -1, 128, 64, 32, 16}) {
      const double error = errorsOf(weights, rtn(weights, Settings({{"group_size", group}}))).meanSquaredError();
      QVERIFY(error < last);
      last = error;
    }
  }

  void threadsDontChangeTheResult() {
    const Matrix weights = qs::test::randomMatrix(300, 517);
    for (const std::int64_t group : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{100}}) {
      const Settings settings({{"group_size", group}, {"mse_range", true}, {"bits", std::int64_t{3}}});
      const QuantizedTensor one = rtn(weights, settings, 1);
      QVERIFY(one == rtn(weights, settings, 2));
      QVERIFY(one == rtn(weights, settings, 8));
    }
  }

  void storedWeightsAreRoundedAsTheirValues() {
    Matrix weights = qs::test::randomMatrix(70, 517);
    for (const qs::DType type : {qs::DType::F16, qs::DType::BF16, qs::DType::F32}) {
      const std::vector<std::byte> bytes = qs::test::storedBytes(weights, type);
      const qs::StoredRows stored{type, bytes.data() + 1, 70, 517};
      Matrix values(70, 517);
      qs::widenToFloat(type, stored.contents(), values.values());
      for (const std::int64_t group : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{100}})
        for (const bool shrink : {false, true}) {
          const QuantScheme scheme{.bits = 3, .groupSize = group};
          QVERIFY(qs::quantizeUniform(qs::WeightRows(stored), scheme, shrink, {}) ==
                  qs::quantizeUniform(values.view(), scheme, shrink, {}));
        }
    }
  }

  void shrunkRangesLowerTheErrorAtFewBits() {
    const Matrix weights = golden().weights("mid.up_proj");
    for (const std::int64_t bits : {2, 3}) {
      const Settings plain({{"bits", bits}});
      const Settings shrunk({{"bits", bits}, {"mse_range", true}});
      const double before = errorsOf(weights, rtn(weights, plain)).meanSquaredError();
      QVERIFY(errorsOf(weights, rtn(weights, shrunk)).meanSquaredError() < before);
    }
  }

  void shrinkLossIsThePower2point4() {
    constexpr double kTolerance = 1e-5;  // as uniform_grid.h promises
    for (const float error : {1e-5F, 0.01F, 0.3F, 0.5F, 1.0F, 7.25F, 1000.0F})
      QVERIFY(close(static_cast<double>(qs::shrinkLoss(error)), std::pow(static_cast<double>(error), 2.4), kTolerance));
    QCOMPARE(qs::shrinkLoss(0.0F), 0.0F);
    QCOMPARE(qs::shrinkLoss(-0.5F), qs::shrinkLoss(0.5F));
  }

  void codesComeFromTheScaleAsStored() {
    const Matrix weights = golden().weights("tiny.q_proj");
    const QuantizedTensor tensor = rtn(weights, Settings({{"bits", std::int64_t{8}}}), 1, qs::ScaleType::F16);
    for (std::size_t r = 0; r < weights.rows(); ++r) {
      for (std::size_t c = 0; c < weights.cols(); ++c) {
        const float scale = tensor.scales[tensor.unit(r, c)];
        QCOMPARE(scale, qs::roundToScaleType(scale, qs::ScaleType::F16));
        const float code = std::rint(weights(r, c) / scale) + tensor.zeroPoints[tensor.unit(r, c)];
        QCOMPARE(static_cast<float>(tensor.code(r, c)), std::min(std::max(code, 0.0F), 255.0F));
      }
    }
  }

  void hugeValuesDontOverflowTheScale() {
    const float huge = 0.9F * std::numeric_limits<float>::max();  // so that the grid's ends are finite, too
    const Matrix weights(1, 4, {huge, -huge, 0.0F, 1.0F});
    for (const bool symmetric : {false, true}) {
      const QuantizedTensor tensor = rtn(weights, Settings({{"symmetric", symmetric}}));
      QVERIFY(std::isfinite(tensor.scales[0]));
      QCOMPARE(qs::dequantize(tensor)(0, 2), 0.0F);
    }
  }

  void weightsWhoseQuantizedOnesOverflowAreAnError_data() {
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<QString>("range");
    QTest::addColumn<qint64>("groupSize");
    for (const qint64 groupSize : {32, -1, 0}) {
      QTest::addRow("asymmetric, groups of %lld", groupSize) << false << "restricted" << groupSize;
      QTest::addRow("symmetric over the full range, groups of %lld", groupSize) << true << "full" << groupSize;
    }
  }
  void weightsWhoseQuantizedOnesOverflowAreAnError() {
    QFETCH(bool, symmetric);
    QFETCH(QString, range);
    QFETCH(qint64, groupSize);
    Matrix weights(64, 64);
    for (std::size_t i = 0; i < weights.values().size(); ++i) weights.values()[i] = i % 3 == 0 ? -3.3e38F : 3.3e38F;
    const Settings settings(
        {{"symmetric", symmetric}, {"symmetric_range", range.toStdString()}, {"group_size", std::int64_t{groupSize}}});
    try {
      static_cast<void>(rtn(weights, settings));
      QFAIL("was quantized");
    } catch (const qs::Error& error) {
      QVERIFY2(QString(error.what()).contains("beyond F32"), error.what());
    }
  }

  void aScaleThatItsTypeCannotHoldIsAnError() {
    const Matrix weights(1, 2, {3e8F, -1.0F});
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(rtn(weights, {}, 1, qs::ScaleType::F16)), qs::Error);
  }

  void theFractionalZeroPointIsMarkedAsIntroductory() {
    const qs::ParamSpec* spec = qs::requireMethod("rtn").parameter("fractional_zero_point");
    QVERIFY(spec != nullptr && spec->introductory && spec->defaultValue == qs::ParamValue(false));
    const Matrix weights = qs::test::randomMatrix(4, 128);
    const QuantizedTensor tensor = rtn(weights, Settings({{"fractional_zero_point", true}}));
    QVERIFY(tensor.scheme.realZeroPoint);
    QVERIFY(tensor.zeroPoints[0] != std::rint(tensor.zeroPoints[0]));
  }

  void fastDequantizationIsTheReference() {
    const Matrix weights = qs::test::randomMatrix(70, 333);
    for (const std::int64_t group : {0, -1, 100}) {
      for (const bool symmetric : {false, true}) {
        QuantizedTensor tensor = rtn(weights, Settings({{"group_size", group}, {"symmetric", symmetric}}));
        QVERIFY(qs::dequantizeMatrix(tensor, {}) == qs::dequantize(tensor));
        tensor.inputScale.assign(weights.cols(), 1.5F);
        QVERIFY(qs::dequantizeMatrix(tensor, {}) == qs::dequantize(tensor));
      }
    }
  }
};

QTEST_APPLESS_MAIN(TestRtn)
#include "tst_rtn.moc"
