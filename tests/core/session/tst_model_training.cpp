#include <QtTest>

#include <fstream>

#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "core/io/reader_registry.h"
#include "core/session/compare_methods.h"
#include "core/session/model_training.h"
#include "core/session/trained_checkpoint.h"
#include "core/session/training_preflight.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

constexpr std::size_t kTextBytes = 5000;  // four windows of the demo model

/// The demo model with a few windows of its training text.
struct DemoTraining {
  explicit DemoTraining(int steps = 2) : model(qs::openCheckpoint(qs::test::demoFolder())) {
    std::ofstream(folder.path() / "text.txt")
        << qs::test::readFile(qs::test::demoFolder() / "training.txt").substr(0, kTextBytes);
    request.method = "qat-model";
    request.trainingText = folder.path() / "text.txt";
    request.settings.set("bits", std::int64_t{2});
    request.settings.set("group_size", std::int64_t{64});
    request.settings.set("steps", std::int64_t{steps});
    request.settings.set("batch", std::int64_t{1});
    request.settings.set("warm_up", std::int64_t{0});
  }
  qs::QuantReport run(const char* store, const qs::RunContext& context = {}, const qs::RunObservers& observers = {}) {
    stores.emplace(store, qs::RunStore(folder.path() / store, *model, request));
    return qs::runQuantization(*model, request, stores.at(store), context, observers);
  }
  [[nodiscard]] qs::QuantizedTensor tensor(const char* store, const std::string& layer) const {
    return stores.at(store).loadTensor(layer).value();
  }

  qs::test::TempFolder folder;
  std::shared_ptr<const qs::Checkpoint> model;
  qs::QuantRequest request;
  std::map<std::string, qs::RunStore> stores;
};

}  // namespace

/// Method qat-model through the façade: the demo model, a few windows, a few steps.
class TestModelTraining : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void trainsReportsAndExports() {
    DemoTraining demo;
    std::size_t heard = 0;
    std::size_t curves = 0;
    const qs::QuantReport report =
        demo.run("a", {},
                 {.layers = [&](const qs::LayerReportPtr&) { ++heard; },
                  .curves = [&](const std::string&, const std::vector<qs::MethodCurve>& all) { curves = all.size(); }});
    QCOMPARE(report.layers.size(), std::size_t{28});
    QCOMPARE(heard, report.layers.size());
    QCOMPARE(curves, std::size_t{2});
    for (const qs::LayerReportPtr& layer : report.layers) {
      QVERIFY2(layer->error.empty(), layer->error.c_str());
      QCOMPARE(layer->scheme.bits, 2);
      QCOMPARE(layer->curves.front().x.size(), std::size_t{2});
    }
    QVERIFY(!std::filesystem::exists(demo.stores.at("a").trainingFile()));
    exportAndCompare(demo, report);
  }

  /// With no learning rate the layers are those of the method it starts from, and nothing else changes.
  void withoutLearningItIsTheStart() {
    DemoTraining demo;
    for (const char* rate : {"learning_rate", "step_learning_rate", "norm_learning_rate"})
      demo.request.settings.set(rate, 0.0);
    static_cast<void>(demo.run("trained"));
    qs::QuantRequest start = demo.request;
    start.method = "rtn";
    start.settings = {};
    start.settings.set("bits", std::int64_t{2});
    start.settings.set("group_size", std::int64_t{64});
    qs::RunStore plain(demo.folder.path() / "plain", *demo.model, start);
    const qs::QuantReport rtn = qs::runQuantization(*demo.model, start, plain, {});
    for (const qs::LayerReportPtr& layer : rtn.layers)
      QVERIFY2(demo.tensor("trained", layer->name) == plain.loadTensor(layer->name), layer->name.c_str());
    const auto model = qs::withTrainedVectors(demo.model, demo.stores.at("trained"));
    for (const qs::CheckpointTensor& tensor : demo.model->tensors())
      if (tensor.info.shape.size() == 1)
        QVERIFY(demo.model->load(tensor) == model->load(model->require(tensor.info.name)));
  }

  void aCancelledTrainingGoesOnToTheSameBits() {
    DemoTraining demo(3);
    static_cast<void>(demo.run("whole"));
    std::stop_source stop;
    const qs::RunObservers stopper{
        .curves = [&](const std::string&, const std::vector<qs::MethodCurve>&) { stop.request_stop(); }};
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(demo.run("parts", {.stop = stop.get_token()}, stopper)), qs::Cancelled);
    QVERIFY(std::filesystem::exists(demo.stores.at("parts").trainingFile()));
    const qs::QuantReport report = demo.run("parts");
    for (const qs::LayerReportPtr& layer : report.layers)
      QVERIFY2(demo.tensor("whole", layer->name) == demo.tensor("parts", layer->name), layer->name.c_str());
    QVERIFY(demo.stores.at("whole").loadVectors().has_value());
    QVERIFY(demo.stores.at("whole").loadVectors() == demo.stores.at("parts").loadVectors());
  }

  void blockByBlock() {
    DemoTraining demo(2);
    demo.request.settings.set("training", std::string("blocks"));
    const qs::QuantReport report = demo.run("blocks");
    QCOMPARE(report.total.failedLayers, std::size_t{0});
    QCOMPARE(report.layers.size(), std::size_t{28});
    QVERIFY(report.layers.front()->figures.at("best_validation_loss") <=
            report.layers.front()->figures.at("start_validation_loss"));
  }

  void badInputIsRefusedBeforeTheWork_data() {
    QTest::addColumn<QString>("fault");
    QTest::addColumn<QString>("message");
    QTest::newRow("no text") << "no text"
                             << "needs a text to train on";
    QTest::newRow("a text of one window") << "short"
                                          << "at least 2";
    QTest::newRow("a layer of another method") << "mixed"
                                               << "can't be mixed";
    QTest::newRow("a layer that isn't a linear") << "embedding"
                                                 << "is no linear";
    QTest::newRow("quantized inputs from an AWQ start") << "inputs"
                                                        << "AWQ start";
  }
  void badInputIsRefusedBeforeTheWork() {
    QFETCH(QString, fault);
    QFETCH(QString, message);
    DemoTraining demo;
    if (fault == "no text") demo.request.trainingText.clear();
    if (fault == "short")
      std::ofstream(demo.request.trainingText) << "There once was a patient clockmaker. " << std::string(480, 'x');
    if (fault == "mixed") demo.request.overrides.push_back({.glob = "*.0.*", .method = "rtn"});
    if (fault == "embedding") demo.request.layers.include = {"*embed*"};
    if (fault == "inputs") {
      demo.request.settings.set("quantize_inputs", true);
      demo.request.settings.set("start", std::string("awq"));
      demo.request.calibration.runModel = true;
      demo.request.calibration.textFile = demo.request.trainingText;
    }
    try {
      static_cast<void>(demo.run("bad"));
      QFAIL("was accepted");
    } catch (const qs::Error& error) {
      QVERIFY2(QString(error.what()).contains(message), error.what());
    }
    QCOMPARE(demo.stores.at("bad").size(), std::size_t{0});
  }

  void memoryDecidesTheForm() {
    const qs::TrainingNeeds needs{.wholeBytes = 10'000, .blockBytes = 1'000, .wholeSeconds = 600, .blockSeconds = 300};
    QVERIFY(qs::chooseForm("auto", needs, 100'000) == qs::TrainingForm::Whole);
    QVERIFY(qs::chooseForm("auto", needs, 9'000) == qs::TrainingForm::Blocks);
    QVERIFY(qs::chooseForm("blocks", needs, 100'000) == qs::TrainingForm::Blocks);
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::chooseForm("whole", needs, 9'000)), qs::Error);
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::chooseForm("auto", needs, 900)), qs::Error);
    QVERIFY(qs::describe(needs, qs::TrainingForm::Whole).find("10 min") != std::string::npos);
  }

 private:
  /// What an export holds is what was trained, norms included.
  static void exportAndCompare(DemoTraining& demo, const qs::QuantReport& report) {
    const qs::RunStore& store = demo.stores.at("a");
    const auto trained = qs::withTrainedVectors(demo.model, store);
    const std::filesystem::path out = demo.folder.path() / "out.safetensors";
    qs::requireExporter("dequantized").write({*trained, demo.request, report, store}, {.path = out}, {});
    const auto written = qs::openCheckpoint(out);
    const std::string norm = "model.layers.0.input_layernorm.weight";
    const auto vectors = store.loadVectors();
    QVERIFY(vectors.has_value());
    const std::vector<float> expected = vectors->at(norm);
    const qs::Matrix values = written->load(written->require(norm));
    QVERIFY(std::equal(expected.begin(), expected.end(), values.values().begin()));
    QVERIFY(values != demo.model->load(demo.model->require(norm)));
    const std::string layer = "model.layers.1.mlp.up_proj";
    QVERIFY(written->load(written->require(layer + ".weight")) == qs::dequantize(demo.tensor("a", layer)));
  }
};

QTEST_APPLESS_MAIN(TestModelTraining)
#include "tst_model_training.moc"
