#include <QtTest>

#include <cmath>

#include "core/quant/activation_quantizer.h"
#include "core/quant/output_error.h"
#include "core/stats/observer_search.h"
#include "core/stats/observers.h"
#include "tests/support/golden.h"
#include "tests/support/method_run.h"
#include "tests/support/random_matrix.h"

using qs::Matrix;
using qs::QuantizedTensor;
using qs::Settings;
using qs::test::golden;
using qs::test::goldenStats;

namespace {

constexpr double kScaleTolerance = 1e-6;   // of the golden README, relative
constexpr double kOutputTolerance = 1e-5;  // of the golden README, of the largest output
constexpr double kCodeShare = 1e-3;        // of the golden README: entries that may differ, by 1

QuantizedTensor quantize(const nlohmann::json& entry) {
  const std::string layer = entry["layer"];
  Settings settings({{"group_size", entry["weight_per_channel"].get<bool>() ? std::int64_t{-1} : std::int64_t{0}}});
  if (entry["scheme"] == "dynamic_per_token")
    return qs::test::runMethodOk("int8-dynamic", golden().weights(layer), settings);
  const std::string observer = entry["observer"];
  settings.set("observer", observer == "minmax"           ? std::string("min-max")
                           : observer == "moving_average" ? std::string("moving-average")
                           : observer == "mse"            ? std::string("mse")
                                                          : std::string("percentile"));
  if (observer.starts_with("percentile_")) settings.set("percentile", std::stod(observer.substr(11)));
  return qs::test::runMethodOk("int8-static", golden().weights(layer), settings, &goldenStats(layer));
}

std::size_t codesThatDiffer(const std::vector<float>& got, const std::vector<float>& expected) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) count += got[i] != expected[i];
  return count;
}

// Relative.
double largestDeviation(const std::vector<float>& got, const std::vector<float>& expected) {
  double largest = got.size() == expected.size() ? 0.0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(got[i]) / static_cast<double>(expected[i]) - 1.0));
  return largest;
}

qs::ObserverOptions optionsOf(const nlohmann::json& result) {
  const std::string name = result["observer"];
  qs::ObserverOptions options{.symmetric = result["symmetric"].get<bool>()};
  options.kind = name == "minmax"             ? qs::ObserverKind::MinMax
                 : name == "moving_average"   ? qs::ObserverKind::MovingAverage
                 : name == "percentile"       ? qs::ObserverKind::Percentile
                 : name == "mse"              ? qs::ObserverKind::Mse
                 : name == "histogram_search" ? qs::ObserverKind::Histogram
                                              : qs::ObserverKind::Entropy;
  if (result.contains("percentile")) options.percentile = result["percentile"].get<double>();
  return options;
}

double meanSquaredError(const Matrix& inputs, qs::ObservedRange range, bool symmetric) {
  const qs::QuantizedInputs quantized =
      qs::quantizeInputs(inputs.view(), qs::staticScheme(range.low, range.high, symmetric));
  double sum = 0;
  for (std::size_t i = 0; i < inputs.values().size(); ++i) {
    const double back = static_cast<double>(quantized.codes.values()[i]) * static_cast<double>(quantized.scales[0]);
    sum += std::pow(back - static_cast<double>(inputs.values()[i]), 2);
  }
  return sum / static_cast<double>(inputs.values().size());
}

}  // namespace

class TestInt8 : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void constantInputsAreTold() {
    const qs::Matrix weights = qs::test::randomMatrix(8, 32, 1);
    const auto notesOf = [&](float first, float value) {
      qs::Matrix inputs(16, 32);
      std::ranges::fill(inputs.values(), value);
      inputs(0, 0) = first;
      const qs::ActivationStats stats = qs::test::statsOf(inputs);
      return qs::test::runMethod("int8-static", weights, {}, &stats).notes;
    };
    QVERIFY(notesOf(2.5F, 2.5F) ==
            std::vector<std::string>{"the calibration inputs are all 2.5: their range says nothing of other inputs"});
    QVERIFY(notesOf(-3.0F, -3.0F).size() == 1);
    QVERIFY(notesOf(0.0F, 0.0F) ==
            std::vector<std::string>{"the calibration inputs are all zero: the input scale is 1"});
    QVERIFY(notesOf(2.0F, 2.5F).empty());
  }

  void outputErrorIsTheGoldenOne_data() {
    QTest::addColumn<int>("index");
    int index = 0;
    for (const auto& entry : golden().expected()["w8a8"]) {
      const std::string observer = entry.value("observer", "no observer");
      QTest::addRow("%s %s, %s, %s", entry["layer"].get<std::string>().c_str(),
                    entry["scheme"].get<std::string>().c_str(), observer.c_str(),
                    entry["weight_per_channel"].get<bool>() ? "per channel" : "per tensor")
          << index++;
    }
  }
  void outputErrorIsTheGoldenOne() {
    QFETCH(int, index);
    const auto& entry = golden().expected()["w8a8"][static_cast<std::size_t>(index)];
    const QuantizedTensor tensor = quantize(entry);
    const Matrix weights = golden().weights(entry["layer"]);
    const qs::OutputError error = qs::measureOutputError(tensor, weights.view(), goldenStats(entry["layer"]), {});
    const double expected = entry["metrics"]["rel_output_error"];
    QVERIFY2(error.relative <= expected * entry["max_ratio"].get<double>(),
             qPrintable(QString("%1 against %2").arg(error.relative).arg(expected)));
    QVERIFY(error.relative > expected / 2);  // an error far below would be a different quantity
    QVERIFY(error.exact);
  }

  void integerProductIsTheGoldenOne() {
    const QuantizedTensor tensor = qs::test::runMethodOk("int8-dynamic", golden().weights("tiny.q_proj"), {});
    const Matrix inputs = golden().inputs("tiny.q_proj");
    const qs::QuantizedInputs quantized = qs::quantizeInputs(inputs.view(), *tensor.activations);
    const auto named = [](const char* name) {
      return golden().tensor(std::string("tiny.q_proj.w8a8.") + name).floats();
    };

    const std::vector<float> weightScales = named("weight_scale");
    QVERIFY(largestDeviation(tensor.scales, weightScales) <= kScaleTolerance);
    const std::vector<float> weightCodes = named("weight_codes");
    std::vector<float> gotWeights;
    for (std::size_t i = 0; i < weightCodes.size(); ++i)
      gotWeights.push_back(static_cast<float>(tensor.code(i / tensor.cols, i % tensor.cols)));
    QVERIFY(static_cast<double>(codesThatDiffer(gotWeights, weightCodes)) <=
            kCodeShare * static_cast<double>(weightCodes.size()));
    const std::vector<float> codes = named("act_codes");
    const std::vector<float> got(quantized.codes.values().begin(), quantized.codes.values().end());
    QVERIFY(static_cast<double>(codesThatDiffer(got, codes)) <= kCodeShare * static_cast<double>(codes.size()));

    const std::vector<float> outputs = named("output");
    const Matrix product = qs::quantizedOutputs(tensor, inputs.view(), {});
    float largest = 0;
    for (const float value : outputs) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < outputs.size(); ++i)
      QVERIFY(std::abs(static_cast<double>(product.values()[i]) - static_cast<double>(outputs[i])) <=
              kOutputTolerance * static_cast<double>(largest));
  }

  void everyTokensScaleIsTheGoldenOne() {
    for (const auto& entry : golden().expected()["w8a8"]) {
      if (!entry.contains("tensors")) continue;
      const Matrix inputs = golden().inputs(entry["layer"]);
      const qs::QuantizedInputs quantized = qs::quantizeInputs(inputs.view(), {});
      const std::vector<float> expected = golden().tensor(entry["tensors"]["act_scale"]).floats();
      QVERIFY(largestDeviation(quantized.scales, expected) <= kScaleTolerance);
    }
  }

  void inputsErrByAtMostHalfAStepInsideTheRange_data() {
    QTest::addColumn<bool>("perToken");
    QTest::addColumn<bool>("symmetric");
    QTest::newRow("per token") << true << true;
    QTest::newRow("static, affine") << false << false;
    QTest::newRow("static, symmetric") << false << true;
  }
  void inputsErrByAtMostHalfAStepInsideTheRange() {
    QFETCH(bool, perToken);
    QFETCH(bool, symmetric);
    Matrix inputs = golden().inputs("tiny.q_proj");
    for (std::size_t t = 0; t < inputs.rows(); ++t) inputs(t, t % inputs.cols()) = 0.0F;
    const qs::ActivationScheme scheme = perToken ? qs::ActivationScheme{} : qs::staticScheme(-20.0F, 90.0F, symmetric);
    const qs::QuantizedInputs quantized = qs::quantizeInputs(inputs.view(), scheme);
    const int lowest = (symmetric ? -128 : 0) - scheme.zeroPoint;
    for (std::size_t t = 0; t < inputs.rows(); ++t) {
      const double step = static_cast<double>(quantized.scales[t]);
      for (std::size_t c = 0; c < inputs.cols(); ++c) {
        const double value = static_cast<double>(inputs(t, c));
        const double code = static_cast<double>(quantized.codes(t, c));
        if (value == 0.0) QCOMPARE(code, 0.0);
        if (value < step * lowest || value > step * (lowest + 255)) continue;
        QVERIFY(std::abs(code * step - value) <= step * 0.5 * 1.00001);  // F32 rounds the quotient
      }
    }
  }

  void integerProductIsExact() {
    // Against 64-bit integers: long rows of extreme codes, where F32 sums in one go would round.
    const std::size_t width = 5000;
    Matrix weights(3, width);
    Matrix inputs(2, width);
    for (std::size_t c = 0; c < width; ++c) {
      for (std::size_t r = 0; r < 3; ++r) weights(r, c) = static_cast<float>((c * 37 + r * 11) % 255) - 127.0F;
      for (std::size_t t = 0; t < 2; ++t) inputs(t, c) = 127.0F - static_cast<float>((c * 5 + t) % 40);
    }
    const QuantizedTensor tensor = qs::test::runMethodOk("int8-dynamic", weights, {});
    const qs::QuantizedInputs quantized = qs::quantizeInputs(inputs.view(), *tensor.activations);
    const Matrix outputs = qs::quantizedOutputs(tensor, inputs.view(), {});
    for (std::size_t t = 0; t < 2; ++t) {
      for (std::size_t r = 0; r < 3; ++r) {
        std::int64_t sum = 0;
        for (std::size_t c = 0; c < width; ++c)
          sum += static_cast<std::int64_t>(quantized.codes(t, c)) * tensor.code(r, c);
        const double expected =
            static_cast<double>(sum) * static_cast<double>(quantized.scales[t]) * static_cast<double>(tensor.scales[r]);
        QCOMPARE(outputs(t, r), static_cast<float>(expected));
      }
    }
  }

  void aZeroTokenGivesZeroOutputs() {
    const QuantizedTensor tensor = qs::test::runMethodOk("int8-dynamic", golden().weights("edge"), {});
    const Matrix outputs = qs::quantizedOutputs(tensor, golden().inputs("edge").view(), {});
    for (const float value : outputs.row(3)) QCOMPARE(value, 0.0F);
  }

  void perTensorInputsErrMoreThanPerToken() {
    const Matrix weights = golden().weights("mid.up_proj");
    const auto errorWith = [&](const char* activation) {
      const QuantizedTensor tensor =
          qs::test::runMethodOk("int8-dynamic", weights, Settings({{"activation", std::string(activation)}}));
      return qs::measureOutputError(tensor, weights.view(), goldenStats("mid.up_proj"), {}).relative;
    };
    QVERIFY(errorWith("per-token") < errorWith("per-tensor"));
  }

  void observersFindTheGoldenRange_data() {
    QTest::addColumn<QString>("layer");
    QTest::addColumn<int>("list");
    QTest::addColumn<int>("index");
    int list = 0;
    for (const auto& entry : golden().expected()["observers"]) {
      int index = 0;
      for (const auto& result : entry["results"]) {
        QTest::addRow("%s %s %g, %s", entry["layer"].get<std::string>().c_str(),
                      result["observer"].get<std::string>().c_str(), result.value("percentile", 100.0),
                      result["symmetric"].get<bool>() ? "symmetric" : "affine")
            << QString::fromStdString(entry["layer"]) << list << index++;
      }
      ++list;
    }
  }
  void observersFindTheGoldenRange() {
    QFETCH(QString, layer);
    QFETCH(int, list);
    QFETCH(int, index);
    const auto& result =
        golden().expected()["observers"][static_cast<std::size_t>(list)]["results"][static_cast<std::size_t>(index)];
    const qs::ActivationStats& stats = goldenStats(layer.toStdString());
    const qs::ObserverOptions options = optionsOf(result);
    const qs::ObservedRange range = qs::observeRange({stats.sample.view(), stats.batchRanges}, options, {});
    const double tolerance = result["tolerance"];
    const std::string rule = result["rule"];
    if (rule == "relative") {
      const double width = result["max"].get<double>() - result["min"].get<double>();
      QVERIFY(std::abs(static_cast<double>(range.low) - result["min"].get<double>()) <= tolerance * width);
      QVERIFY(std::abs(static_cast<double>(range.high) - result["max"].get<double>()) <= tolerance * width);
      const qs::ActivationScheme scheme = qs::staticScheme(range.low, range.high, options.symmetric);
      QVERIFY(std::abs(static_cast<double>(scheme.scale) / result["scale"].get<double>() - 1.0) <= tolerance + 1e-6);
      if (tolerance < 1e-4) QCOMPARE(scheme.zeroPoint, result["zero"].get<int>());
    } else if (rule == "quant_mse_ratio") {
      const double error = meanSquaredError(stats.sample, range, options.symmetric);
      QVERIFY(error <= tolerance * result["quant_mse"].get<double>());
    } else {
      const double off = std::abs(static_cast<double>(range.high) - result["max"].get<double>());
      QVERIFY(off <= std::max(tolerance * result["max"].get<double>(), 4 * result["bin_width"].get<double>()));
    }
  }

  void observersOfConstantInputsGiveTheDegenerateGrid() {
    const Matrix zero(8, 4);
    const qs::ActivationStats stats = qs::test::statsOf(zero);
    for (const char* observer : {"min-max", "moving-average", "percentile", "mse", "histogram", "entropy"}) {
      const qs::LayerOutcome outcome = qs::test::runMethod("int8-static", Matrix(2, 4, {1, 2, 3, 4, 5, 6, 7, 8}),
                                                           Settings({{"observer", std::string(observer)}}), &stats);
      QVERIFY(outcome.tensor.has_value());
      QCOMPARE(outcome.tensor->activations->scale, 1.0F);
      QCOMPARE(outcome.tensor->activations->zeroPoint, 0);
      QVERIFY(!outcome.notes.empty());
    }
  }

  void staticWithoutCalibrationIsThatLayersFailure() {
    const qs::LayerOutcome outcome = qs::test::runMethod("int8-static", Matrix(2, 4), {});
    QVERIFY(!outcome.tensor.has_value());
    QVERIFY(outcome.error.find("calibration") != std::string::npos);
  }

  void gramAndRowsGiveTheSameOutputError() {
    constexpr double kTolerance = 1e-5;  // F32 products against F64 ones
    const Matrix weights = golden().weights("mid.up_proj");
    const QuantizedTensor tensor = qs::test::runMethodOk("rtn", weights, {});
    qs::ActivationStats stats = goldenStats("mid.up_proj");
    const double overRows = qs::measureOutputError(tensor, weights.view(), stats, {}).relative;
    stats.sampleIsWhole = false;  // leaves only the Gram matrix
    const double fromGram = qs::measureOutputError(tensor, weights.view(), stats, {}).relative;
    QVERIFY(std::abs(fromGram / overRows - 1.0) <= kTolerance);
  }

  void heldOutRowsAreMeasuredByThemselves() {
    const Matrix weights = golden().weights("tiny.q_proj");
    const QuantizedTensor tensor = qs::test::runMethodOk("rtn", weights, {});
    qs::ActivationStats stats = goldenStats("tiny.q_proj");
    QVERIFY(!qs::measureOutputError(tensor, weights.view(), stats, {}).heldOut.has_value());
    stats.heldOut = stats.sample;
    const qs::OutputError error = qs::measureOutputError(tensor, weights.view(), stats, {});
    QVERIFY(error.heldOut.has_value());
    constexpr double kTolerance = 1e-5;  // the calibration error comes from the Gram matrix, in F64
    QVERIFY(std::abs(*error.heldOut / error.relative - 1.0) <= kTolerance);
  }
};

QTEST_APPLESS_MAIN(TestInt8)
#include "tst_int8.moc"
