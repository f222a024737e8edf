#include <QtTest>

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <set>
#include <stop_token>
#include <thread>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/finite.h"
#include "core/quant/method_registry.h"
#include "core/quant/output_error.h"
#include "core/stats/activation_accumulator.h"
#include "tests/support/golden.h"
#include "tests/support/method_run.h"
#include "tests/support/random_matrix.h"

using qs::Matrix;
using qs::MethodInfo;
using qs::QuantizedTensor;
using qs::Settings;
using qs::test::golden;

namespace {

// At 4 bits in groups every published method stays well below; RTN, the plainest, is at 0.05 to 0.1 on these layers.
constexpr double kLargestOutputError = 0.15;

// Cheap settings where a method's defaults train for long.
Settings quickSettings(const MethodInfo& method) {
  Settings settings;
  if (method.parameter("steps") != nullptr) settings.set("steps", std::int64_t{40});
  return settings;
}

void rowPerMethod() {
  QTest::addColumn<QString>("id");
  for (const MethodInfo& method : qs::allMethods())
    QTest::newRow(method.id.c_str()) << QString::fromStdString(method.id);
}

const MethodInfo& methodOf(const QString& id) { return qs::requireMethod(id.toStdString()); }

void checkDefault(const qs::ParamSpec& spec) {
  switch (spec.kind) {
    case qs::ParamKind::Switch:
      QVERIFY(std::holds_alternative<bool>(spec.defaultValue));
      break;
    case qs::ParamKind::Choice:
      QVERIFY(std::holds_alternative<std::string>(spec.defaultValue));
      QVERIFY(!spec.choices.empty());
      break;
    case qs::ParamKind::Integer:
      QVERIFY(std::holds_alternative<std::int64_t>(spec.defaultValue));
      QVERIFY(spec.minimum <= spec.maximum && spec.step > 0);
      break;
    case qs::ParamKind::Real:
      QVERIFY(std::holds_alternative<double>(spec.defaultValue));
      QVERIFY(spec.minimum < spec.maximum && spec.step > 0);
      break;
  }
}

// Weights that make units degenerate; the inputs have a dead channel and a zero token too.
Matrix degenerateWeights(const QString& kind) {
  if (kind == "edge") return golden().weights("edge");
  Matrix weights(16, 96);
  if (kind == "constant") std::fill(weights.values().begin(), weights.values().end(), -0.75F);
  if (kind == "one value") weights(3, 7) = 1.5F;
  if (kind == "tiny") std::fill(weights.values().begin(), weights.values().end(), 1e-41F);
  return weights;
}

// Of this process, "VmRSS:" or "VmHWM:".
double memoryMebibytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key)) return std::stod(line.substr(key.size())) / 1024.0;
  return 0;
}

// Lets the peak begin anew at what is resident now.
bool resetPeak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good() && memoryMebibytes("VmHWM:") < memoryMebibytes("VmRSS:") + 1.0;
}

// Of inputs that are but a sample of what calibrated: methods then work through the Gram matrix.
qs::ActivationStats longCalibration(const Matrix& inputs) {
  qs::ActivationAccumulator accumulator("layer", inputs.cols());
  accumulator.add(inputs.view());
  qs::ActivationStats stats = accumulator.take();
  for (std::size_t i = 0; i < stats.channels; ++i) stats.gram[i * stats.channels + i] += 1.0;
  stats.tokens = 16 * inputs.cols();
  stats.sampleIsWhole = false;
  return stats;
}

}  // namespace

class TestAllMethods : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void descriptionIsComplete_data() { rowPerMethod(); }
  void descriptionIsComplete() {
    QFETCH(QString, id);
    const MethodInfo& method = methodOf(id);
    QVERIFY(!method.name.empty() && !method.summary.empty() && !method.source.empty());
    QVERIFY(method.colorSlot >= 1 && method.colorSlot <= 7);
    QVERIFY(method.quantize != nullptr);
    std::set<std::string> keys;
    for (const qs::ParamSpec& spec : method.parameters) {
      QVERIFY2(keys.insert(spec.key).second, spec.key.c_str());
      QVERIFY2(QRegularExpression("^[a-z][a-z0-9_]*$").match(QString::fromStdString(spec.key)).hasMatch(),
               spec.key.c_str());
      QVERIFY2(!spec.label.empty() && spec.help.size() > 20, spec.key.c_str());
      checkDefault(spec);
      for (const qs::ParamChoice& choice : spec.choices) {
        QVERIFY2(!choice.label.empty(), spec.key.c_str());
        static_cast<void>(qs::parseParamValue(spec, choice.value));  // throws where an offered value isn't legal
      }
      // A form kept for learning is never the default.
      if (spec.introductory && spec.kind == qs::ParamKind::Switch) QVERIFY(spec.defaultValue == qs::ParamValue(false));
      if (spec.introductory)
        QVERIFY2(QString::fromStdString(spec.help).contains("introductory form", Qt::CaseInsensitive),
                 spec.key.c_str());
    }
    const Settings defaults = qs::resolveSettings(method, {});
    QCOMPARE(defaults.values().size(), method.parameters.size());
    QVERIFY(qs::resolveSettings(method, defaults) == defaults);
  }

  void threadsDontChangeTheResult_data() { rowPerMethod(); }
  void threadsDontChangeTheResult() {
    QFETCH(QString, id);
    const Matrix weights = qs::test::randomMatrix(203, 160, 7);
    const qs::ActivationStats stats = qs::test::statsOf(qs::test::randomMatrix(200, 160, 8));
    const Settings settings = quickSettings(methodOf(id));
    const auto run = [&](int threads) {
      return qs::test::runMethodOk(id.toStdString(), weights, settings, &stats, threads);
    };
    const QuantizedTensor one = run(1);
    QVERIFY(one == run(2));
    QVERIFY(one == run(8));
  }

  // Exports are checked beforehand by what a method says that it makes.
  void layersAreOfTheSchemeSaidBeforehand_data() { rowPerMethod(); }
  void layersAreOfTheSchemeSaidBeforehand() {
    QFETCH(QString, id);
    const MethodInfo& method = methodOf(id);
    const Matrix weights = qs::test::randomMatrix(24, 160, 7);
    const qs::ActivationStats stats = qs::test::statsOf(qs::test::randomMatrix(200, 160, 8));
    std::vector<Settings> settings{quickSettings(method)};
    for (const qs::ParamSpec& spec : method.parameters)
      if (spec.kind == qs::ParamKind::Switch && spec.key != "auto_alpha") {
        settings.push_back(quickSettings(method));
        settings.back().set(spec.key, !std::get<bool>(spec.defaultValue));
      }
    for (const Settings& given : settings) {
      const QuantizedTensor tensor = qs::test::runMethodOk(id.toStdString(), weights, given, &stats, 1);
      const qs::QuantScheme said = method.scheme(qs::resolveSettings(method, given), qs::ScaleType::F32);
      QVERIFY2(said == tensor.scheme, (said.toText() + " against " + tensor.scheme.toText()).c_str());
    }
  }

  void outputErrorIsBoundedAndFallsWithBits_data() { rowPerMethod(); }
  void outputErrorIsBoundedAndFallsWithBits() {
    QFETCH(QString, id);
    const MethodInfo& method = methodOf(id);
    const Matrix weights = golden().weights("mid.up_proj");
    static const qs::ActivationStats stats = qs::test::statsOf(golden().inputs("mid.up_proj"));
    const auto errorOf = [&](Settings settings) {
      const QuantizedTensor tensor = qs::test::runMethodOk(id.toStdString(), weights, settings, &stats);
      return qs::measureOutputError(tensor, weights.view(), stats, {}).relative;
    };
    const double error = errorOf(quickSettings(method));
    QVERIFY2(error <= kLargestOutputError, qPrintable(QString::number(error)));
    const qs::ParamSpec* bits = method.parameter("bits");
    if (bits == nullptr || bits->minimum == bits->maximum) return;
    double last = std::numeric_limits<double>::infinity();
    for (const std::int64_t width : {2, 3, 4, 6, 8}) {
      if (static_cast<double>(width) < bits->minimum) continue;
      Settings settings = quickSettings(method);
      settings.set("bits", width);
      const double now = errorOf(settings);
      QVERIFY2(now < last, qPrintable(QString("%1 bits: %2 after %3").arg(width).arg(now).arg(last)));
      last = now;
    }
  }

  void errorFallsWithSmallerGroups_data() { rowPerMethod(); }
  void errorFallsWithSmallerGroups() {
    QFETCH(QString, id);
    const qs::ParamSpec* spec = methodOf(id).parameter("group_size");
    if (spec == nullptr) return;
    const Matrix weights = golden().weights("mid.up_proj");
    static const qs::ActivationStats stats = qs::test::statsOf(golden().inputs("mid.up_proj"));
    double last = std::numeric_limits<double>::infinity();
    for (const std::int64_t group : {0, -1, 128, 32}) {
      if (static_cast<double>(group) > spec->maximum) continue;
      Settings settings = quickSettings(methodOf(id));
      settings.set("group_size", group);
      const QuantizedTensor tensor = qs::test::runMethodOk(id.toStdString(), weights, settings, &stats);
      const double now = qs::measureOutputError(tensor, weights.view(), stats, {}).relative;
      QVERIFY2(now < last, qPrintable(QString("groups of %1: %2 after %3").arg(group).arg(now).arg(last)));
      last = now;
    }
  }

  void zeroIsAPointOfEveryIntegerGrid_data() { rowPerMethod(); }
  void zeroIsAPointOfEveryIntegerGrid() {
    QFETCH(QString, id);
    for (const char* layer : {"edge", "tiny.q_proj"}) {
      const qs::ActivationStats stats = qs::test::statsOf(golden().inputs(layer));
      const QuantizedTensor tensor =
          qs::test::runMethodOk(id.toStdString(), golden().weights(layer), quickSettings(methodOf(id)), &stats);
      if (tensor.scheme.number != qs::NumberFormat::Integer || tensor.scheme.realZeroPoint) return;
      QVERIFY(tensor.scheme.symmetric == tensor.zeroPoints.empty());
      for (const float zero : tensor.zeroPoints)
        QVERIFY(zero == std::rint(zero) && zero >= 0.0F && zero <= static_cast<float>(tensor.scheme.maxCode()));
      if (tensor.activations) QVERIFY(tensor.activations->zeroPoint >= 0 && tensor.activations->zeroPoint <= 255);
    }
  }

  void degenerateLayersGiveFiniteWeights_data() {
    QTest::addColumn<QString>("id");
    QTest::addColumn<QString>("kind");
    for (const MethodInfo& method : qs::allMethods())
      for (const char* kind : {"zero", "constant", "one value", "tiny", "edge"})
        QTest::addRow("%s of %s weights", method.id.c_str(), kind) << QString::fromStdString(method.id) << kind;
  }
  void degenerateLayersGiveFiniteWeights() {
    QFETCH(QString, id);
    QFETCH(QString, kind);
    const Matrix weights = degenerateWeights(kind);
    const qs::ActivationStats stats = qs::test::statsOf(golden().inputs("edge"));
    const QuantizedTensor tensor =
        qs::test::runMethodOk(id.toStdString(), weights, quickSettings(methodOf(id)), &stats);
    for (const float scale : tensor.scales) QVERIFY(std::isfinite(scale) && scale > 0.0F);
    const Matrix back = qs::dequantize(tensor);
    QVERIFY(!qs::findNonFinite(back.values()).has_value());
    if (kind == "zero")
      for (const float value : back.values()) QCOMPARE(value, 0.0F);
  }

  void hugeWeightsStayFiniteOrAreRefused_data() { rowPerMethod(); }
  void hugeWeightsStayFiniteOrAreRefused() {
    QFETCH(QString, id);
    const qs::ActivationStats stats = qs::test::statsOf(golden().inputs("edge"));
    Matrix weights = qs::test::randomMatrix(16, 96);
    for (float& weight : weights.values()) weight = std::copysign(3.3e38F, weight);
    const qs::LayerOutcome outcome =
        qs::test::runMethod(id.toStdString(), weights, quickSettings(methodOf(id)), &stats);
    QVERIFY(outcome.tensor.has_value() != !outcome.error.empty());
    if (outcome.tensor) QVERIFY(!qs::findNonFinite(qs::dequantize(*outcome.tensor).values()).has_value());
  }

  void inputsThatAreAllZeroAreNoReasonToFail_data() { rowPerMethod(); }
  void inputsThatAreAllZeroAreNoReasonToFail() {
    QFETCH(QString, id);
    const qs::ActivationStats stats = qs::test::statsOf(Matrix(64, 96));
    const qs::LayerOutcome outcome =
        qs::test::runMethod(id.toStdString(), qs::test::randomMatrix(16, 96), quickSettings(methodOf(id)), &stats);
    QVERIFY(outcome.tensor.has_value() != !outcome.error.empty());
    if (outcome.tensor) QVERIFY(!qs::findNonFinite(qs::dequantize(*outcome.tensor).values()).has_value());
  }

  void calibrationThatIsMissingOrTooWideFailsTheLayer_data() { rowPerMethod(); }
  void calibrationThatIsMissingOrTooWideFailsTheLayer() {
    QFETCH(QString, id);
    const Matrix weights = qs::test::randomMatrix(16, 96);
    const bool needs = methodOf(id).needsCalibration;
    const qs::LayerOutcome without = qs::test::runMethod(id.toStdString(), weights, quickSettings(methodOf(id)));
    QCOMPARE(without.tensor.has_value(), !needs);
    if (!needs) return;
    QVERIFY2(without.error.find("layer") != std::string::npos, without.error.c_str());
    const qs::ActivationStats wide = qs::test::statsOf(qs::test::randomMatrix(64, 97));
    const qs::LayerOutcome outcome = qs::test::runMethod(id.toStdString(), weights, quickSettings(methodOf(id)), &wide);
    QVERIFY(!outcome.tensor.has_value() && !outcome.error.empty());
  }

  void everyLayerOfAGroupHasItsOutcomeAndItsProgress_data() { rowPerMethod(); }
  void everyLayerOfAGroupHasItsOutcomeAndItsProgress() {
    QFETCH(QString, id);
    const MethodInfo& method = methodOf(id);
    const Matrix first = qs::test::randomMatrix(20, 96, 1);
    const Matrix second = qs::test::randomMatrix(33, 96, 2);
    const qs::ActivationStats stats = qs::test::statsOf(qs::test::randomMatrix(128, 96, 3));
    const std::vector<qs::LayerTask> tasks = {{.name = "q", .weights = first.view(), .activations = &stats},
                                              {.name = "k", .weights = second.view(), .activations = &stats}};
    qs::Progress progress;
    progress.beginStage("Quantizing", "layers", 10);
    const auto outcomes = method.quantize(tasks, qs::resolveSettings(method, quickSettings(method)), {},
                                          {.progress = &progress, .threads = 1});
    QCOMPARE(outcomes.size(), std::size_t{2});
    QVERIFY(outcomes[0].tensor && outcomes[0].tensor->rows == 20);
    QVERIFY(outcomes[1].tensor && outcomes[1].tensor->rows == 33);
    if (method.scalesInputs) QVERIFY(outcomes[0].tensor->inputScale == outcomes[1].tensor->inputScale);
    constexpr double kRounding = 1e-6;  // of fractions that add up
    QVERIFY(std::abs(progress.snapshot().done - 2.0) < kRounding);
  }

  // A quarter of 4096×11008 each way, so that every buffer has a sixteenth of its size there.
  void aLayerOf45MillionWeightsNeedsLessThan3Gibibytes_data() { rowPerMethod(); }
  void aLayerOf45MillionWeightsNeedsLessThan3Gibibytes() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    QSKIP("a sanitizer's own memory would be measured");
#endif
    constexpr double kLimitMebibytes = 3 * 1024.0 / 16;
    QFETCH(QString, id);
    malloc_trim(0);
    if (!resetPeak()) QSKIP("the peak of resident memory can't be measured here");
    const double before = memoryMebibytes("VmRSS:");
    const Matrix weights = qs::test::randomMatrix(1024, 2752, 5);
    const qs::ActivationStats stats = longCalibration(qs::test::randomMatrix(1024, 2752, 6));
    Settings settings = quickSettings(methodOf(id));
    if (methodOf(id).parameter("steps") != nullptr) settings.set("steps", std::int64_t{2});
    if (methodOf(id).parameter("search") != nullptr) settings.set("search", std::string("fast"));
    static_cast<void>(qs::test::runMethodOk(id.toStdString(), weights, settings, &stats, 2));
    const double used = memoryMebibytes("VmHWM:") - before;
    QVERIFY2(used < kLimitMebibytes, qPrintable(QString("%1 MiB").arg(used)));
    QVERIFY(used > 10.0);  // the weights alone
  }

  void aLayerThatTakesLongTellsHowFarItIs_data() { rowPerMethod(); }
  void aLayerThatTakesLongTellsHowFarItIs() {
    QFETCH(QString, id);
    const MethodInfo& method = methodOf(id);
    static const Matrix weights = qs::test::randomMatrix(768, 1024, 5);
    static const qs::ActivationStats stats = longCalibration(qs::test::randomMatrix(1024, 1024, 6));
    // Everything that costs time is on.
    Settings settings = quickSettings(method);
    for (const qs::ParamSpec& spec : method.parameters)
      if (spec.kind == qs::ParamKind::Switch && !spec.introductory) settings.set(spec.key, true);
    const qs::LayerTask task{.name = "layer", .weights = weights.view(), .activations = &stats};
    qs::Progress progress;
    progress.beginStage("Quantizing", "layers", 1);
    std::set<double> seen;
    std::jthread watch([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        seen.insert(progress.snapshot().done);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    const auto start = std::chrono::steady_clock::now();
    const auto outcomes =
        method.quantize({&task, 1}, qs::resolveSettings(method, settings), {}, {.progress = &progress, .threads = 1});
    const auto time = std::chrono::steady_clock::now() - start;
    watch.request_stop();
    watch.join();
    QVERIFY2(outcomes.at(0).tensor.has_value(), outcomes[0].error.c_str());
    constexpr std::size_t kValues = 5;  // of which two may be the start and the end
    if (time > std::chrono::seconds(1)) QVERIFY2(seen.size() >= kValues, qPrintable(QString::number(seen.size())));
  }

  void aStopBeforehandLeavesNothingToDo_data() { rowPerMethod(); }
  void aStopBeforehandLeavesNothingToDo() {
    QFETCH(QString, id);
    const Matrix weights = qs::test::randomMatrix(64, 256, 5);
    const qs::ActivationStats stats = qs::test::statsOf(qs::test::randomMatrix(48, 256, 6));
    const qs::LayerTask task{.name = "layer", .weights = weights.view(), .activations = &stats};
    std::stop_source source;
    source.request_stop();
    const qs::RunContext context{.stop = source.get_token(), .threads = 2};
    const MethodInfo& method = methodOf(id);
    QVERIFY_EXCEPTION_THROWN(
        static_cast<void>(method.quantize({&task, 1}, qs::resolveSettings(method, {}), {}, context)), qs::Cancelled);
  }

  // How long a stop takes is measured by benchmarks/method_limits; here, how much is still done after it.
  void aStopMidwayEndsTheWork_data() { rowPerMethod(); }
  void aStopMidwayEndsTheWork() {
    QFETCH(QString, id);
    const MethodInfo& method = methodOf(id);
    static const Matrix weights = qs::test::randomMatrix(1024, 1536, 5);
    static const qs::ActivationStats stats = qs::test::statsOf(qs::test::randomMatrix(48, 1536, 6));
    const qs::LayerTask task{.name = "layer", .weights = weights.view(), .activations = &stats};
    qs::Progress progress;
    progress.beginStage("Quantizing", "layers", 1);
    std::stop_source source;
    double doneAtStop = 1;
    std::jthread stopper([&](const std::stop_token& ended) {
      while (!ended.stop_requested() && progress.snapshot().done <= 0.0) std::this_thread::yield();
      source.request_stop();
      doneAtStop = progress.snapshot().done;
    });
    const qs::RunContext context{.stop = source.get_token(), .progress = &progress, .threads = 2};
    bool isCancelled = false;
    try {
      qs::inWorkerArena(context, [&] {
        static_cast<void>(method.quantize({&task, 1}, qs::resolveSettings(method, {}), {}, context));
      });
    } catch (const qs::Cancelled&) {
      isCancelled = true;
    }
    stopper.request_stop();
    stopper.join();
    constexpr double kMost = 0.25;  // of the layer, between the stop and the end
    const double after = progress.snapshot().done - doneAtStop;
    QVERIFY2(after <= kMost, qPrintable(QString::number(after)));
    QVERIFY2(isCancelled || doneAtStop > 1.0 - kMost, qPrintable(QString::number(doneAtStop)));
  }

  void tooFewCalibrationTokensAreTold_data() {
    QTest::addColumn<QString>("id");
    for (const char* id : {"gptq", "awq", "qat"}) QTest::addRow("%s", id) << QString(id);
  }
  void tooFewCalibrationTokensAreTold() {
    QFETCH(QString, id);
    const qs::Matrix weights = qs::test::randomMatrix(8, 32, 1);
    const auto isTold = [&](std::size_t tokens) {
      const qs::ActivationStats inputs = qs::test::statsOf(qs::test::randomMatrix(tokens, 32, 2));
      const qs::LayerOutcome outcome = qs::test::runMethod(id.toStdString(), weights, {}, &inputs);
      return std::ranges::any_of(outcome.notes, [](const std::string& note) {
        return note.starts_with("only 10 calibration tokens for 32 inputs") && note.find("128") != std::string::npos;
      });
    };
    QVERIFY(isTold(10));
    QVERIFY(!isTold(200));
  }
};

QTEST_APPLESS_MAIN(TestAllMethods)
#include "tst_all_methods.moc"
