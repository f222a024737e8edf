#include <QtTest>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/session/model_activations.h"
#include "core/session/run_quantization.h"
#include "core/session/write_activations.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kDemo = qs::test::demoFolder();
constexpr std::size_t kWindow = 64;
constexpr std::size_t kWindows = 6;

qs::QuantRequest requestOf(bool sequential) {
  qs::QuantRequest request{.method = "rtn", .settings = qs::Settings({{"bits", std::int64_t{3}}})};
  request.calibration = {.textFile = kDemo / "calibration.txt",
                         .runModel = true,
                         .window = kWindow,
                         .windows = kWindows,
                         .sequential = sequential};
  return request;
}

}  // namespace

class TestModelActivations : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() { m_model = qs::openCheckpoint(kDemo); }

  void equalsWhatTheActivationsFileGives() {
    const qs::test::TempFolder folder;
    const qs::RunnableModel runnable = qs::makeRunnable(m_model);
    const qs::TokenWindows windows = qs::windowsOf(runnable, qs::readText(kDemo / "calibration.txt"),
                                                   {.window = kWindow, .maxWindows = kWindows}, {});
    qs::writeActivations(runnable, windows, folder.path() / "acts.safetensors", false, {});
    qs::QuantRequest fromFile{.method = "rtn"};
    fromFile.calibration.activationsFile = folder.path() / "acts.safetensors";
    const auto file = qs::makeActivationProvider(*m_model, fromFile);
    qs::ModelActivations run(*m_model, requestOf(false));
    for (const auto& [layer, inputs] : {std::pair<std::string, std::size_t>{"model.layers.0.self_attn.q_proj", 256},
                                        {"model.layers.0.mlp.down_proj", 768},
                                        {"model.layers.2.mlp.up_proj", 256}}) {
      const std::vector<std::string> layers{layer};
      const auto a = run.statsFor(layers, inputs, {});
      const auto b = file->statsFor(layers, inputs, {});
      QCOMPARE(a->tokens, std::uint64_t{kWindows * kWindow});  // BOS, and each but the last of the text
      QVERIFY(a->sample == b->sample);
      QVERIFY(a->absMax == b->absMax);
      QVERIFY(a->gram == b->gram);
    }
    const auto acts = qs::openCheckpoint(folder.path() / "acts.safetensors");
    QCOMPARE(acts->tensors().size(), std::size_t{2 * 28});
    const auto absMax = acts->load(acts->require("model.layers.0.mlp.down_proj.abs_max"));
    const std::vector<std::string> down{"model.layers.0.mlp.down_proj"};
    QVERIFY(std::equal(absMax.values().begin(), absMax.values().end(), file->statsFor(down, 768, {})->absMax.begin()));
  }

  void askingBackwardsStartsAgain() {
    qs::ModelActivations run(*m_model, requestOf(false));
    const std::vector<std::string> late{"model.layers.3.self_attn.k_proj"};
    const std::vector<std::string> early{"model.layers.1.self_attn.k_proj"};
    const auto first = run.statsFor(early, 256, {});
    static_cast<void>(run.statsFor(late, 256, {}));
    const auto again = run.statsFor(early, 256, {});
    QVERIFY(first->sample == again->sample);
  }

  void sequentialCalibrationSeesTheQuantizedLayersBefore() {
    const qs::test::TempFolder folder;
    std::vector<qs::QuantReport> reports;
    for (const bool sequential : {false, true}) {
      const qs::QuantRequest request = requestOf(sequential);
      qs::RunStore store(folder.path(), *m_model, request);
      reports.push_back(qs::runQuantization(*m_model, request, store, {}));
      QCOMPARE(reports.back().total.failedLayers, std::size_t{0});
    }
    for (std::size_t i = 0; i < reports[0].layers.size(); ++i) {
      const QString layer = QString::fromStdString(reports[0].layers[i]->name);
      const bool isFirst = layer.startsWith("model.layers.0.self_attn.") && !layer.endsWith("o_proj");
      QCOMPARE(*reports[0].layers[i]->metrics.outputRelativeError == *reports[1].layers[i]->metrics.outputRelativeError,
               isFirst);
    }
  }

  void refuses() {
    qs::QuantRequest request = requestOf(false);
    request.calibration.textFile = "/nowhere";
    QVERIFY_EXCEPTION_THROWN(qs::ModelActivations(*m_model, request), qs::Error);
    request = requestOf(false);
    request.calibration.window = 5000;
    QVERIFY_EXCEPTION_THROWN(qs::ModelActivations(*m_model, request), qs::Error);
  }

 private:
  std::shared_ptr<const qs::Checkpoint> m_model;
};

QTEST_APPLESS_MAIN(TestModelActivations)
#include "tst_model_activations.moc"
