#include <QtTest>

#include <limits>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/session/linear_weights.h"
#include "core/session/run_quantization.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"

namespace fs = std::filesystem;

class TestRunQuantization : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() {
    m_folder.emplace();
    m_tensors = qs::test::tinyModel();
    open();
  }

  void reportsEveryLinearInModelOrder() {
    qs::RunStore store(root(), *m_model, m_request);
    QStringList delivered;
    const qs::QuantReport report =
        qs::runQuantization(*m_model, m_request, store, {.threads = 2},
                            [&](const qs::LayerReportPtr& layer) { delivered << QString::fromStdString(layer->name); });
    QCOMPARE(report.layers.size(), std::size_t{14});
    QCOMPARE(store.size(), std::size_t{14});
    QCOMPARE(delivered.size(), 14);
    for (int i = 0; i < delivered.size(); ++i)
      QCOMPARE(delivered[i].toStdString(), report.layers[static_cast<std::size_t>(i)]->name);
    QCOMPARE(delivered.first(), QString("model.layers.0.self_attn.q_proj"));
    QCOMPARE(report.total.failedLayers, std::size_t{0});
  }

  void metricsAreThoseOfTheStoredTensor() {
    qs::RunStore store(root(), *m_model, m_request);
    const qs::QuantReport report = qs::runQuantization(*m_model, m_request, store, {});
    for (const qs::LayerReportPtr& layer : report.layers) {
      const auto tensor = store.loadTensor(layer->name);
      QVERIFY(tensor.has_value());
      const qs::Matrix weights = qs::loadLinear(*m_model, m_model->require(layer->name + ".weight"), {});
      const qs::Matrix quantized = qs::dequantize(*tensor);
      double error = 0;
      double reference = 0;
      double largest = 0;
      for (std::size_t i = 0; i < weights.values().size(); ++i) {
        const double e = static_cast<double>(quantized.values()[i]) - static_cast<double>(weights.values()[i]);
        error += e * e;
        reference += static_cast<double>(weights.values()[i]) * static_cast<double>(weights.values()[i]);
        largest = std::max(largest, std::abs(e));
      }
      constexpr double kSumOrder = 1e-9;  // the sums differ only in their order
      const auto count = static_cast<double>(weights.values().size());
      QVERIFY(std::abs(layer->metrics.weightMse - error / count) <= kSumOrder * error / count);
      QVERIFY(std::abs(layer->metrics.weightRelativeError - error / reference) <= kSumOrder);
      QCOMPARE(layer->metrics.weightMaxAbsError, largest);
      QCOMPARE(layer->quantizedBytes, tensor->storedBytes());
      QCOMPARE(layer->originalBytes, std::uint64_t{weights.values().size() * 4});
      std::uint64_t before = 0;
      std::uint64_t after = 0;
      for (const auto n : layer->before.counts) before += n;
      for (const auto n : layer->after.counts) after += n;
      QCOMPARE(before, std::uint64_t{weights.values().size()});
      QCOMPARE(after, before);
      QCOMPARE(layer->before.low, layer->after.low);
      QCOMPARE(layer->before.high, layer->after.high);
    }
  }

  void oneBadLayerFailsAlone() {
    m_tensors[3].values(1, 2) = std::numeric_limits<float>::quiet_NaN();
    open();
    qs::RunStore store(root(), *m_model, m_request);
    const qs::QuantReport report = qs::runQuantization(*m_model, m_request, store, {});
    QCOMPARE(report.total.failedLayers, std::size_t{1});
    QCOMPARE(store.size(), std::size_t{13});
    for (const qs::LayerReportPtr& layer : report.layers)
      if (!layer->error.empty()) {
        QCOMPARE(layer->name + ".weight", m_tensors[3].name);
        QVERIFY(QString::fromStdString(layer->error).contains("[1, 2]"));
        QVERIFY(QString::fromStdString(layer->error).contains("NaN"));
        QCOMPARE(layer->errorKind, qs::ErrorKind::Input);
      }
  }

  void oneBadLayerLeavesThoseThatShareItsInput() {
    m_tensors[3].values(1, 2) = std::numeric_limits<float>::quiet_NaN();
    open();
    qs::test::writeModel(m_folder->path() / "acts.safetensors", qs::test::tinyInputs(40));
    for (const char* method : {"rtn", "gptq", "awq"}) {
      m_request.method = method;
      m_request.calibration.activationsFile = m_folder->path() / "acts.safetensors";
      qs::RunStore store(m_folder->path() / method, *m_model, m_request);
      const qs::QuantReport report = qs::runQuantization(*m_model, m_request, store, {});
      QCOMPARE(report.layers.size(), std::size_t{14});
      for (const qs::LayerReportPtr& layer : report.layers)
        QCOMPARE(layer->error.empty(), layer->name + ".weight" != m_tensors[3].name);
    }
  }

  void badInputsFailTheirLayersOnly_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<float>("value");
    QTest::addColumn<QString>("message");
    for (const char* method : {"gptq", "awq", "qat", "smoothquant", "int8-static"})
      QTest::addRow("NaN for %s", method) << method << std::numeric_limits<float>::quiet_NaN() << "NaN at row 5";
    for (const char* method : {"gptq", "qat"}) QTest::addRow("zeros for %s", method) << method << 0.0F << "all zero";
  }
  void badInputsFailTheirLayersOnly() {
    QFETCH(QString, method);
    QFETCH(float, value);
    QFETCH(QString, message);
    auto inputs = qs::test::tinyInputs(200);
    for (qs::test::NamedMatrix& tensor : inputs) {
      if (tensor.name != "model.layers.0.mlp.down_proj.input") continue;
      if (value == 0.0F) std::fill(tensor.values.values().begin(), tensor.values.values().end(), 0.0F);
      tensor.values(5, 3) = value;
    }
    qs::test::writeModel(m_folder->path() / "acts.safetensors", inputs);
    m_request.method = method.toStdString();
    if (method == "qat") m_request.settings.set("steps", std::int64_t{5});
    m_request.calibration.activationsFile = m_folder->path() / "acts.safetensors";
    qs::RunStore store(root(), *m_model, m_request);
    const qs::QuantReport report = qs::runQuantization(*m_model, m_request, store, {});
    QCOMPARE(report.total.failedLayers, std::size_t{1});
    for (const qs::LayerReportPtr& layer : report.layers) {
      const QString error = QString::fromStdString(layer->error);
      QCOMPARE(error.isEmpty(), layer->name != "model.layers.0.mlp.down_proj");
      if (!error.isEmpty()) QVERIFY2(error.contains(message) && error.contains("0.mlp.down_proj"), qPrintable(error));
    }
  }

  void anIdenticalRunIsTakenFromTheStore() {
    qs::RunStore store(root(), *m_model, m_request);
    const qs::QuantReport first = qs::runQuantization(*m_model, m_request, store, {});
    const qs::QuantReport second = qs::runQuantization(*m_model, m_request, store, {});
    for (std::size_t i = 0; i < first.layers.size(); ++i) {
      QVERIFY(!first.layers[i]->stored);
      QVERIFY(second.layers[i]->stored);
      qs::LayerReport copy = *second.layers[i];
      copy.stored = false;
      QVERIFY(copy == *first.layers[i]);
    }
  }

  void aCancelledRunGoesOnWhereItStopped() {
    qs::RunStore store(root(), *m_model, m_request);
    std::stop_source stop;
    int finished = 0;
    const auto stopAfterThree = [&](const qs::LayerReportPtr&) {
      if (++finished == 3) stop.request_stop();
    };
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::runQuantization(
                                 *m_model, m_request, store, {.stop = stop.get_token(), .threads = 1}, stopAfterThree)),
                             qs::Cancelled);
    const std::size_t kept = store.size();
    QVERIFY(kept >= 3 && kept < 14);
    const qs::QuantReport report = qs::runQuantization(*m_model, m_request, store, {});
    const auto stored = std::count_if(report.layers.begin(), report.layers.end(),
                                      [](const qs::LayerReportPtr& layer) { return layer->stored; });
    QCOMPARE(static_cast<std::size_t>(stored), kept);
  }

  void theThreadCountChangesNoBit() {
    std::vector<qs::QuantReport> reports;
    std::vector<qs::QuantizedTensor> tensors;
    for (const int threads : {1, 2, 8}) {
      qs::RunStore store(m_folder->path() / std::to_string(threads), *m_model, m_request);
      reports.push_back(qs::runQuantization(*m_model, m_request, store, {.threads = threads}));
      for (std::size_t i = 0; i < reports.back().layers.size(); ++i) {
        const auto tensor = store.loadTensor(reports.back().layers[i]->name);
        if (threads == 1) tensors.push_back(*tensor);
        QVERIFY(*tensor == tensors[i]);
        qs::LayerReport copy = *reports.back().layers[i];
        copy.seconds = reports.front().layers[i]->seconds;
        QVERIFY(copy == *reports.front().layers[i]);
      }
    }
  }

  void overridesReachTheirLayers() {
    m_request.overrides = {{.glob = "*.down_proj", .settings = qs::Settings({{"bits", std::int64_t{8}}})},
                           {.glob = "*.k_proj", .skip = true}};
    qs::RunStore store(root(), *m_model, m_request);
    const qs::QuantReport report = qs::runQuantization(*m_model, m_request, store, {});
    QCOMPARE(report.layers.size(), std::size_t{12});
    for (const qs::LayerReportPtr& layer : report.layers)
      QCOMPARE(layer->scheme.bits, QString::fromStdString(layer->name).endsWith("down_proj") ? 8 : 4);
  }

  void calibrationGivesTheOutputError() {
    qs::test::writeModel(m_folder->path() / "acts.safetensors", qs::test::tinyInputs(40));
    m_request.calibration = {.activationsFile = m_folder->path() / "acts.safetensors", .holdOutEvery = 4};
    qs::RunStore store(root(), *m_model, m_request);
    const qs::QuantReport report = qs::runQuantization(*m_model, m_request, store, {});
    QCOMPARE(report.total.failedLayers, std::size_t{0});
    for (const qs::LayerReportPtr& layer : report.layers) {
      const qs::Matrix weights = qs::loadLinear(*m_model, m_model->require(layer->name + ".weight"), {});
      const qs::Matrix quantized = qs::dequantize(*store.loadTensor(layer->name));
      const qs::Matrix& inputs = inputsOf(layer->name);
      constexpr double kProducts = 1e-4;  // F32 products there, F64 here
      const double expected = outputError(inputs, weights, quantized, false);
      QVERIFY(std::abs(*layer->metrics.outputRelativeError - expected) <= kProducts * expected);
      const double heldOut = outputError(inputs, weights, quantized, true);
      QVERIFY(std::abs(*layer->metrics.heldOutOutputRelativeError - heldOut) <= kProducts * heldOut);
    }
  }

  void outputsBeyondF32HaveNoError() {
    for (qs::test::NamedMatrix& tensor : m_tensors)
      if (tensor.name == "model.layers.0.mlp.down_proj.weight")
        for (float& value : tensor.values.values()) value *= 100.0F;
    open();
    auto inputs = qs::test::tinyInputs(16);
    for (qs::test::NamedMatrix& tensor : inputs)
      if (tensor.name == "model.layers.0.mlp.down_proj.input") std::ranges::fill(tensor.values.values(), 3e38F);
    qs::test::writeModel(m_folder->path() / "acts.safetensors", inputs);
    m_request.calibration.activationsFile = m_folder->path() / "acts.safetensors";
    qs::RunStore store(root(), *m_model, m_request);
    const qs::QuantReport report = qs::runQuantization(*m_model, m_request, store, {});
    QCOMPARE(report.total.failedLayers, std::size_t{0});
    for (const qs::LayerReportPtr& layer : report.layers) {
      const bool isBeyond = layer->name == "model.layers.0.mlp.down_proj";
      QCOMPARE(layer->metrics.outputRelativeError.has_value(), !isBeyond);
      const bool isTold = std::ranges::any_of(
          layer->notes, [](const std::string& note) { return note.starts_with("output error not measured"); });
      QCOMPARE(isTold, isBeyond);
    }
  }

  void inputsOfAnotherWidthFailTheirLayerOnly() {
    auto inputs = qs::test::tinyInputs(8);
    std::erase_if(inputs, [](const auto& tensor) { return tensor.name.find("0.mlp.down") == std::string::npos; });
    inputs[0].values = qs::Matrix(8, 13);
    qs::test::writeModel(m_folder->path() / "acts.safetensors", inputs);
    m_request.calibration.activationsFile = m_folder->path() / "acts.safetensors";
    qs::RunStore store(root(), *m_model, m_request);
    const qs::QuantReport report = qs::runQuantization(*m_model, m_request, store, {});
    QCOMPARE(report.total.failedLayers, std::size_t{1});
    for (const qs::LayerReportPtr& layer : report.layers) {
      QCOMPARE(layer->error.empty(), layer->name != "model.layers.0.mlp.down_proj");
      QVERIFY(!layer->metrics.outputRelativeError.has_value());
    }
  }

 private:
  void open() {
    qs::test::writeModel(m_folder->path() / "m.safetensors", m_tensors);
    m_model = qs::openCheckpoint(m_folder->path() / "m.safetensors");
    m_request = {.method = "rtn"};
  }
  [[nodiscard]] fs::path root() const { return m_folder->path() / "runs"; }

  static const qs::Matrix& inputsOf(const std::string& layer) {
    static const std::vector<qs::test::NamedMatrix> inputs = qs::test::tinyInputs(40);
    return std::find_if(inputs.begin(), inputs.end(),
                        [&](const auto& tensor) { return tensor.name == layer + ".input"; })
        ->values;
  }
  // Every fourth row is held out.
  static double outputError(const qs::Matrix& inputs, const qs::Matrix& weights, const qs::Matrix& quantized,
                            bool overHeldOut) {
    double error = 0;
    double reference = 0;
    for (std::size_t t = 0; t < inputs.rows(); ++t) {
      if ((t % 4 == 3) != overHeldOut) continue;
      for (std::size_t r = 0; r < weights.rows(); ++r) {
        double exact = 0;
        double actual = 0;
        for (std::size_t c = 0; c < weights.cols(); ++c) {
          exact += static_cast<double>(inputs(t, c)) * static_cast<double>(weights(r, c));
          actual += static_cast<double>(inputs(t, c)) * static_cast<double>(quantized(r, c));
        }
        error += (exact - actual) * (exact - actual);
        reference += exact * exact;
      }
    }
    return error / reference;
  }

  std::optional<qs::test::TempFolder> m_folder;
  std::vector<qs::test::NamedMatrix> m_tensors;
  std::shared_ptr<const qs::Checkpoint> m_model;
  qs::QuantRequest m_request;
};

QTEST_APPLESS_MAIN(TestRunQuantization)
#include "tst_run_quantization.moc"
