#include <QtTest>

#include <nlohmann/json.hpp>

#include "core/base/parallel.h"
#include "core/train/load_training_model.h"
#include "core/train/passes/model_pass.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kGolden = qs::test::dataFolder() / "model_golden";
constexpr double kTolerance = 1e-4;  // the task's: F32 against PyTorch's autograd in F64, of a tensor's largest entry
constexpr double kNoise = 1e-3;  // a tensor whose gradient is below this share of the largest is F32 noise: key biases

struct Case {
  explicit Case(const QString& name)
      : folder(kGolden / name.toStdString()),
        opened(folder),
        expected(nlohmann::json::parse(qs::test::readFile(folder / "gradients.json"))),
        ids(nlohmann::json::parse(qs::test::readFile(folder / "expected.json"))["ids"].get<std::vector<int>>()),
        targets(ids.begin() + 1, ids.end()),
        model(qs::loadTrainingModel<float>(opened.spec, opened.weights, {}, {})) {
    targets.push_back(-1);
    for (const auto& [tensor, values] : model.tensors)
      gradients.emplace(tensor, qs::RealMatrix<float>(values.rows(), values.cols()));
  }

  double run(std::size_t keepBytes) {
    return qs::modelGradients<float>(model, {ids, targets, ids.size()}, {}, {}, keepBytes, gradients, {});
  }

  std::filesystem::path folder;
  qs::test::OpenedModel opened;
  nlohmann::json expected;
  std::vector<int> ids;
  std::vector<int> targets;
  qs::TrainingModel<float> model;
  qs::TensorMap<float> gradients;
};

/// Entry `index` in the order in which the checkpoint stores the tensor (GPT-2 stores linears [in, out]).
double storedEntry(const qs::RealMatrix<float>& gradient, bool isTransposed, std::size_t index) {
  if (!isTransposed) return static_cast<double>(gradient.values()[index]);
  return static_cast<double>(gradient.row(index % gradient.rows())[index / gradient.rows()]);
}

double lengthOf(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

}  // namespace

/// Gradients of whole tiny models of every family, against PyTorch's autograd (make_golden.py).
class TestGoldenGradients : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void gradients_data() { families(); }
  void gradients() {
    QFETCH(QString, name);
    Case golden(name);
    const double loss = golden.run(0);
    QVERIFY2(std::abs(loss - golden.expected["loss"].get<double>()) < kTolerance, qPrintable(QString::number(loss)));
    double longest = 0;
    for (const auto& [tensor, values] : golden.expected["tensors"].items())
      longest = std::max(longest, values["norm"].get<double>());
    for (const auto& [tensor, values] : golden.expected["tensors"].items()) compare(golden, tensor, values, longest);
  }

  /// Keeping every block's activations, or none, gives the same bits; and so does the runner's forward pass.
  void recomputedBlocks_data() { families(); }
  void recomputedBlocks() {
    QFETCH(QString, name);
    Case golden(name);
    const double recomputed = golden.run(0);
    const qs::TensorMap<float> first = golden.gradients;
    QCOMPARE(golden.run(std::size_t{1} << 30U), recomputed);
    QVERIFY(first == golden.gradients);
    QCOMPARE(qs::modelLoss<float>(golden.model, {golden.ids, golden.targets, golden.ids.size()}, {}, {}, {}),
             recomputed);
  }

  void threadsChangeNothing() {
    Case golden("gemma2");
    qs::TensorMap<float> first;
    for (const int threads : {1, 3}) {
      qs::inWorkerArena({.threads = threads}, [&] { static_cast<void>(golden.run(0)); });
      if (first.empty()) first = golden.gradients;
    }
    QVERIFY(first == golden.gradients);
  }

 private:
  static void compare(Case& golden, const std::string& tensor, const nlohmann::json& values, double longest) {
    const auto found = golden.gradients.find(tensor);
    QVERIFY2(found != golden.gradients.end(), tensor.c_str());
    const qs::RealMatrix<float>& gradient = found->second;
    const double norm = values["norm"];
    const double scale = std::max(norm, kNoise * longest);
    QVERIFY2(std::abs(lengthOf(gradient.values()) - norm) <= kTolerance * scale, tensor.c_str());
    bool isTransposed = false;
    for (const qs::LinearSpec& linear : qs::allLinears(golden.opened.spec))
      isTransposed |= linear.transposed && linear.name + ".weight" == tensor;
    const std::vector<double> entries = values["entries"];
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const double got = storedEntry(gradient, isTransposed, i * values["step"].get<std::size_t>());
      QVERIFY2(std::abs(got - entries[i]) <= kTolerance * scale,
               qPrintable(QString("%1[%2]: %3, expected %4").arg(tensor.c_str()).arg(i).arg(got).arg(entries[i])));
    }
  }

  static void families() {
    QTest::addColumn<QString>("name");
    for (const char* name :
         {"llama", "llama3-scaled", "llama-linear", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3",
          "phi3-short", "phi3-long", "phi", "gpt2", "opt", "opt-post-norm", "gpt-neox", "gpt-neox-serial"})
      QTest::newRow(name) << name;
  }
};

QTEST_APPLESS_MAIN(TestGoldenGradients)
#include "tst_golden_gradients.moc"
