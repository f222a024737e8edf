#include <QtTest>

#include <cmath>
#include <fstream>
#include <set>

#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "core/io/reader_registry.h"
#include "core/session/compare_methods.h"
#include "core/session/model_training.h"
#include "core/session/stopped_training.h"
#include "core/session/trained_checkpoint.h"
#include "core/session/training_file.h"
#include "core/session/training_preflight.h"
#include "core/session/training_results.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

#ifdef __SANITIZE_ADDRESS__               // a step takes seconds
constexpr std::size_t kTextBytes = 2700;  // two windows of the demo model
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
constexpr std::size_t kTextBytes = 5000;  // four windows
#endif
// Share of energy: folded scales and norms are rounded to F16 once more, 5e-4 each; unfolded they would be off by 1.
constexpr double kHalfRounding = 1e-4;

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
  /// Runs until the first step of the `trainings`-th training was taken: block by block there are several.
  void interrupt(const char* store, std::size_t trainings = 1) {
    std::stop_source stop;
    std::set<std::string> seen;
    const qs::RunObservers stopper{.curves = [&](const std::string& title, const std::vector<qs::MethodCurve>&) {
      seen.insert(title);
      if (seen.size() >= trainings) stop.request_stop();
    }};
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(run(store, {.stop = stop.get_token()}, stopper)), qs::Cancelled);
    QVERIFY(std::filesystem::exists(stores.at(store).trainingFile()));
  }
  void calibrate() {
    request.calibration.runModel = true;
    request.calibration.textFile = request.trainingText;
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

  void withoutLearningItIsTheStart_data() {
    QTest::addColumn<QString>("start");
    QTest::newRow("RTN") << "rtn";
    QTest::newRow("GPTQ") << "gptq";
    QTest::newRow("AWQ") << "awq";
  }
  /// With no learning rate the layers are those of the method it starts from, and nothing else changes.
  void withoutLearningItIsTheStart() {
    QFETCH(QString, start);
    if (kSanitized && start != "rtn") QSKIP("takes minutes under the address sanitizer");
    DemoTraining demo;
    demo.calibrate();
    demo.request.settings.set("start", start.toStdString());
    for (const char* rate : {"learning_rate", "step_learning_rate", "norm_learning_rate"})
      demo.request.settings.set(rate, 0.0);
    const qs::QuantReport trained = demo.run("trained");
    qs::QuantRequest alone = demo.request;
    alone.method = start.toStdString();
    alone.settings = {};
    alone.settings.set("bits", std::int64_t{2});
    alone.settings.set("group_size", std::int64_t{64});
    qs::RunStore plain(demo.folder.path() / "plain", *demo.model, alone);
    const qs::QuantReport expected = qs::runQuantization(*demo.model, alone, plain, {});
    QCOMPARE(trained.layers.size(), expected.layers.size());
    for (std::size_t i = 0; i < expected.layers.size(); ++i) {
      const qs::LayerReport& layer = *expected.layers[i];
      QVERIFY2(demo.tensor("trained", layer.name) == plain.loadTensor(layer.name), layer.name.c_str());
      QVERIFY(layer.metrics.outputRelativeError.has_value());
      QVERIFY(trained.layers[i]->metrics == layer.metrics);
    }
    const auto model = qs::withTrainedVectors(demo.model, demo.stores.at("trained"));
    for (const qs::CheckpointTensor& tensor : demo.model->tensors())
      if (tensor.info.shape.size() == 1)
        QVERIFY(demo.model->load(tensor) == model->load(model->require(tensor.info.name)));
  }

  /// Sequential calibration makes the start; the trained layers' own output error can't be told from it.
  void aSequentialStartIsTheSequentialRun() {
    if (kSanitized) QSKIP("takes minutes under the address sanitizer");
    DemoTraining demo;
    demo.calibrate();
    demo.request.calibration.sequential = true;
    demo.request.settings.set("start", std::string("gptq"));
    for (const char* rate : {"learning_rate", "step_learning_rate", "norm_learning_rate"})
      demo.request.settings.set(rate, 0.0);
    const qs::QuantReport trained = demo.run("trained");
    qs::QuantRequest alone = demo.request;
    alone.method = "gptq";
    alone.settings = {};
    alone.settings.set("bits", std::int64_t{2});
    alone.settings.set("group_size", std::int64_t{64});
    qs::RunStore plain(demo.folder.path() / "plain", *demo.model, alone);
    static_cast<void>(qs::runQuantization(*demo.model, alone, plain, {}));
    for (const qs::LayerReportPtr& layer : trained.layers) {
      QVERIFY2(demo.tensor("trained", layer->name) == plain.loadTensor(layer->name), layer->name.c_str());
      QVERIFY(!layer->metrics.outputRelativeError.has_value());
    }
  }

  /// A folder format folds AWQ's scales into the trained norms; what it computes is what the plain weights compute.
  void anAwqStartIsFoldedIntoTheTrainedNorms() {
    DemoTraining demo;
    demo.calibrate();
    demo.request.scaleType = qs::ScaleType::F16;
    demo.request.settings.set("start", std::string("awq"));
    demo.request.settings.set("bits", std::int64_t{4});
    const qs::QuantReport report = demo.run("a");
    const qs::RunStore& store = demo.stores.at("a");
    QVERIFY(!demo.tensor("a", "model.layers.0.mlp.up_proj").inputScale.empty());
    const auto trained = qs::withTrainedVectors(demo.model, store);
    const qs::ExportSource source{*trained, demo.request, report, store};
    const std::filesystem::path folded = demo.folder.path() / "folded";
    for (const qs::PreflightFinding& finding : qs::requireExporter("awq").preflight(*demo.model, demo.request, {}))
      QVERIFY2(!finding.blocking, finding.message.c_str());
    qs::requireExporter("awq").write(source, {.path = folded}, {});
    const std::filesystem::path plain = demo.folder.path() / "plain";
    std::filesystem::create_directory(plain);
    qs::requireExporter("dequantized").write(source, {.path = plain / "model.safetensors"}, {});
    std::filesystem::copy_file(qs::test::demoFolder() / "config.json", plain / "config.json");
    const std::vector<int> ids{1, 17, 300, 42, 7, 99, 250, 3};
    const qs::Matrix got = qs::test::OpenedModel(folded).runner.run(ids, ids.size(), {});
    const qs::Matrix expected = qs::test::OpenedModel(plain).runner.run(ids, ids.size(), {});
    double error = 0;
    double energy = 0;
    for (std::size_t i = 0; i < got.values().size(); ++i) {
      error += std::pow(static_cast<double>(got.values()[i]) - expected.values()[i], 2);
      energy += std::pow(expected.values()[i], 2);
    }
    QVERIFY2(error < kHalfRounding * energy, qPrintable(QString::number(error / energy)));
  }

  void aCancelledTrainingGoesOnToTheSameBits() {
    DemoTraining demo(3);
    static_cast<void>(demo.run("whole"));
    demo.interrupt("parts");
    const qs::QuantReport report = demo.run("parts");
    for (const qs::LayerReportPtr& layer : report.layers)
      QVERIFY2(demo.tensor("whole", layer->name) == demo.tensor("parts", layer->name), layer->name.c_str());
    QVERIFY(demo.stores.at("whole").loadVectors().has_value());
    QVERIFY(demo.stores.at("whole").loadVectors() == demo.stores.at("parts").loadVectors());
  }

  void aStoppedTrainingGivesItsBestStepAndGoesOn_data() {
    QTest::addColumn<QString>("form");
    QTest::addColumn<std::size_t>("trainings");
    QTest::newRow("the whole model") << "whole" << std::size_t{1};
    QTest::newRow("in the second block") << "blocks" << std::size_t{2};
  }
  void aStoppedTrainingGivesItsBestStepAndGoesOn() {
    QFETCH(QString, form);
    QFETCH(std::size_t, trainings);
    DemoTraining demo(4);
    demo.request.settings.set("training", form.toStdString());
    static_cast<void>(demo.run("whole"));
    demo.interrupt("parts", trainings);
    qs::RunStore& store = demo.stores.at("parts");
    const qs::StoredTraining reached = qs::loadTraining(store.trainingFile()).value();
    const auto stopped = qs::convertStopped(*demo.model, demo.request, store, {});
    QVERIFY(stopped.has_value());
    QCOMPARE(stopped->report->layers.size(), std::size_t{28});
    QCOMPARE(reached.block, trainings - 1);
    const std::string early = qs::trainingEndedEarly(*stopped->report);
    QVERIFY2(early.find("at step 1 of 4; the best step so far") != std::string::npos, early.c_str());
    for (const qs::LayerReportPtr& layer : stopped->report->layers) {
      QVERIFY2(layer->error.empty(), layer->error.c_str());
      const qs::QuantizedTensor tensor = stopped->store->loadTensor(layer->name).value();
      if (const auto best = reached.state.best.layers.find(layer->name); best != reached.state.best.layers.end())
        QVERIFY2(tensor == best->second, layer->name.c_str());
      else if (store.contains(layer->name))
        QVERIFY2(tensor == demo.tensor("whole", layer->name), layer->name.c_str());
    }
    QVERIFY(stopped->store->loadVectors().has_value());
    const qs::QuantReport report = demo.run("parts");
    QVERIFY(qs::trainingEndedEarly(report).empty());
    for (const qs::LayerReportPtr& layer : report.layers)
      QVERIFY2(demo.tensor("whole", layer->name) == demo.tensor("parts", layer->name), layer->name.c_str());
    QVERIFY(store.loadVectors() == demo.stores.at("whole").loadVectors());
    QVERIFY(!qs::convertStopped(*demo.model, demo.request, store, {}).has_value());
  }

  /// The rates are so high that the loss runs away, or is no number: the best step before is kept, and said.
  void aLossThatRunsAwayEndsTheTraining() {
    DemoTraining demo(6);
    demo.request.settings.set("bits", std::int64_t{8});  // a start that is far better than what comes
    for (const char* rate : {"learning_rate", "step_learning_rate", "norm_learning_rate"})
      demo.request.settings.set(rate, 1.0);
    demo.request.settings.set("gradient_clip", 0.0);
    const qs::QuantReport report = demo.run("diverged");
    QCOMPARE(report.total.failedLayers, std::size_t{0});
    const std::string early = qs::trainingEndedEarly(report);
    QVERIFY2(early.find("the training ended at step") == 0, early.c_str());
    QVERIFY(report.layers.front()->figures.at("best_validation_loss") <=
            report.layers.front()->figures.at("start_validation_loss"));
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
      demo.calibrate();
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
