#include <QtTest>

#include <stop_token>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/uniform_grid.h"
#include "core/train/batch_order.h"
#include "core/train/load_training_model.h"
#include "core/train/model_task.h"
#include "core/train/training_loop.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kGolden = qs::test::dataFolder() / "model_golden";
constexpr double kLossTolerance = 1e-3;  // the task's, in nats, over 20 steps

/// The tiny llama with the windows of make_training_golden.py, behind an RTN start.
struct TinyTraining {
  explicit TinyTraining(double rates = 1.0, int steps = 20)
      : expected(nlohmann::json::parse(qs::test::readFile(kGolden / "training.json"))),
        opened(kGolden / "llama"),
        model(qs::loadTrainingModel<float>(opened.spec, opened.weights, {}, {})) {
    for (const auto& window : expected["ids"]) {
      const std::vector<int> ids = window;
      windows.length = ids.size() - 1;
      windows.windowSize = ids.size();
      windows.inputs.insert(windows.inputs.end(), ids.begin(), ids.end() - 1);
      windows.targets.insert(windows.targets.end(), ids.begin() + 1, ids.end());
    }
    options.steps = steps;
    options.warmUp = expected["warm_up"];
    options.weightRate = rates * expected["rate"].get<double>();
    options.stepRate = rates * expected["step_rate"].get<double>();
    options.vectorRate = rates * expected["norm_rate"].get<double>();
    options.weightDecay = expected["weight_decay"];
    options.clip = expected["clip"];
    options.batch = windows.count();
    teacher.emplace(opened.spec, opened.weights, windows, std::size_t{1} << 20U, qs::RunContext{});
    for (const qs::LinearSpec& linear : qs::allLinears(opened.spec))
      if (linear.name.ends_with("_proj")) start.emplace(linear.name, rounded(linear));
    std::vector<std::string> vectors{"model.norm.weight"};
    for (const qs::BlockSpec& block : opened.spec.blocks)
      for (const std::string& name : qs::vectorsOfBlock(block)) vectors.push_back(name);
    parameters.emplace(model, start, vectors, options, qs::RunContext{});
    task.emplace(model, windows, *teacher, options.mix, options.keepBytes);
  }

  [[nodiscard]] qs::QuantizedTensor rounded(const qs::LinearSpec& linear) const {
    qs::QuantScheme scheme;
    scheme.bits = expected["bits"];
    scheme.groupSize = expected["group_size"];
    return qs::quantizeUniform(opened.weights.linear(linear, {})->view(), scheme, false, {});
  }

  nlohmann::json expected;
  qs::test::OpenedModel opened;
  qs::TrainingModel<float> model;
  qs::TokenWindows windows;
  qs::TrainingOptions options;
  std::optional<qs::Teacher> teacher;
  std::map<std::string, qs::QuantizedTensor> start;
  std::optional<qs::ParameterSet> parameters;
  std::optional<qs::ModelTask> task;
};

qs::TrainingState trained(int threads, int stopAfter = -1, const qs::TrainingState* from = nullptr) {
  TinyTraining tiny;
  tiny.options.batch = 2;
  qs::TrainingLoop loop(*tiny.task, *tiny.parameters, tiny.options);
  if (from != nullptr && !loop.resume(*from)) return {};
  std::stop_source stop;
  const qs::RunContext context{.stop = stop.get_token(), .threads = threads};
  qs::inWorkerArena(context, [&] {
    try {
      loop.run(
          [&](const qs::TrainingState& state) {
            if (state.step == stopAfter) stop.request_stop();
          },
          context);
    } catch (const qs::Cancelled&) {
    }
  });
  return loop.state();
}

bool same(const qs::TrainingState& a, const qs::TrainingState& b) {
  return a.step == b.step && a.bestStep == b.bestStep && a.bestLoss == b.bestLoss && a.curves == b.curves &&
         a.best == b.best && a.parameters == b.parameters;
}

}  // namespace

/// Quantization-aware training of a whole tiny model.
class TestTraining : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  /// Loss and gradient of 20 steps, as PyTorch takes them (make_training_golden.py).
  void firstStepsFollowPyTorch() {
    TinyTraining tiny;
    const std::vector<std::size_t> all{0, 1, 2, 3};
    for (int step = 0; step < tiny.options.steps; ++step) {
      tiny.parameters->apply({});
      const double loss = tiny.task->gradients(all, tiny.parameters->gradients(), {});
      const double expected = tiny.expected["losses"][static_cast<std::size_t>(step)];
      QVERIFY2(std::abs(loss - expected) <= kLossTolerance,
               qPrintable(QString("step %1: %2, PyTorch %3").arg(step).arg(loss).arg(expected)));
      const double length = tiny.parameters->update(step, {});
      const double expectedLength = tiny.expected["lengths"][static_cast<std::size_t>(step)];
      QVERIFY2(std::abs(length - expectedLength) <= 0.02 * expectedLength, qPrintable(QString::number(length)));
    }
  }

  void trainingLowersTheValidationLoss() {
    const qs::TrainingState state = trained(1);
    QCOMPARE(state.step, 20);
    QVERIFY(state.bestLoss < 0.8 * state.curves.validationLoss.front());
    QVERIFY(state.end == qs::TrainingEnd::Finished);
  }

  void threadsChangeNothing() { QVERIFY(same(trained(1), trained(3))); }

  void aStoppedTrainingGoesOnToTheSameBits() {
    const qs::TrainingState whole = trained(1);
    for (const int stopAfter : {1, 7, 19}) {
      const qs::TrainingState part = trained(2, stopAfter);
      QCOMPARE(part.step, stopAfter);
      QVERIFY2(same(trained(1, -1, &part), whole), qPrintable(QString::number(stopAfter)));
    }
  }

  void withoutLearningTheResultIsTheStart() {
    TinyTraining tiny(0.0, 6);
    tiny.options.weightDecay = 0.1;
    qs::TrainingLoop loop(*tiny.task, *tiny.parameters, tiny.options);
    loop.run({}, {});
    const qs::TrainingState& state = loop.result();
    QCOMPARE(state.bestStep, 0);
    for (const auto& [name, tensor] : tiny.start) QVERIFY2(state.best.layers.at(name) == tensor, name.c_str());
    for (const auto& [name, values] : state.best.vectors) QVERIFY(values == tiny.opened.weights.vector(name));
  }

  /// A start whose codes aren't those of rounding (GPTQ's) is given back as it was.
  void latentWeightsRoundToTheStartsCodes() {
    TinyTraining tiny;
    const qs::LinearSpec& linear = tiny.opened.spec.blocks[0].mlp.down;
    qs::QuantizedTensor moved = tiny.start.at(linear.name);
    for (std::size_t i = 0; i < moved.codes.size(); ++i) moved.codes[i] = static_cast<std::uint8_t>((i * 5) % 8);
    const auto weights = tiny.opened.weights.linear(linear, {});
    const qs::FakeQuantizer quantizer(weights->view(), moved, {}, {});
    QVERIFY(quantizer.tensor({}) == moved);
    qs::RealMatrix<float> effective(weights->rows(), weights->cols());
    quantizer.quantize(effective.span(), {});
    const qs::Matrix expected = qs::dequantize(moved);
    QVERIFY(std::equal(expected.values().begin(), expected.values().end(), effective.values().begin()));
  }

  void aLossThatIsNoNumberStopsAndKeepsTheBest() {
    TinyTraining tiny;
    tiny.options.weightRate = tiny.options.vectorRate = 1e30;
    tiny.options.batch = 2;
    std::vector<std::string> vectors{"model.norm.weight"};
    qs::ParameterSet parameters(tiny.model, tiny.start, vectors, tiny.options, {});
    qs::TrainingLoop loop(*tiny.task, parameters, tiny.options);
    loop.run({}, {});
    QVERIFY(loop.result().end != qs::TrainingEnd::Finished);
    QVERIFY(loop.result().step < tiny.options.steps);
    QVERIFY(std::isfinite(loop.result().bestLoss));
    QVERIFY(loop.result().best.layers == tiny.start || loop.result().bestStep > 0);
  }

  void oneWindowIsTooLittle() {
    TinyTraining tiny;
    const qs::TokenWindows one = tiny.windows.slice(0, 1);
    qs::ModelTask task(tiny.model, one, *tiny.teacher, {}, 0);
    QVERIFY_EXCEPTION_THROWN(qs::TrainingLoop(task, *tiny.parameters, tiny.options), qs::Error);
  }

  void everyEpochHasEveryWindowOnce() {
    std::vector<int> seen(7, 0);
    std::vector<std::size_t> order;
    for (std::size_t step = 0; step < 7; ++step)
      for (const std::size_t window : qs::batchOf(step, 3, 7, 1)) order.push_back(window);
    for (std::size_t i = 0; i < 14; ++i) ++seen[order[i]];
    for (const int count : seen) QCOMPARE(count, 2);
    QVERIFY(!std::equal(order.begin(), order.begin() + 7, order.begin() + 7));
    QVERIFY(qs::batchOf(0, 3, 7, 1) != qs::batchOf(0, 3, 7, 2));
  }
};

QTEST_APPLESS_MAIN(TestTraining)
#include "tst_training.moc"
