#include <QtTest>

#include <functional>
#include <random>

#include "core/train/passes/activation_pass.h"
#include "core/train/passes/attention_pass.h"
#include "core/train/passes/head_pass.h"
#include "core/train/passes/linear_pass.h"
#include "core/train/passes/norm_pass.h"

namespace {

using Matrix64 = qs::RealMatrix<double>;
using Tensors = qs::TensorMap<double>;

constexpr double kTolerance = 1e-5;  // the task's: relative to the largest entry of the gradient
constexpr double kStep = 1e-5;

Matrix64 randomMatrix(std::size_t rows, std::size_t cols, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Matrix64 result(rows, cols);
  for (double& value : result.values()) value = normal(generator);
  return result;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Compares ∂loss/∂values with central differences, entry by entry.
void compareWithDifferences(std::span<double> values, std::span<const double> gradient,
                            const std::function<double()>& loss) {
  QCOMPARE(gradient.size(), values.size());
  double largest = 0;
  for (const double entry : gradient) largest = std::max(largest, std::abs(entry));
  QVERIFY(largest > 0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double kept = values[i];
    values[i] = kept + kStep;
    const double above = loss();
    values[i] = kept - kStep;
    const double below = loss();
    values[i] = kept;
    const double expected = (above - below) / (2 * kStep);
    QVERIFY2(std::abs(gradient[i] - expected) <= kTolerance * largest,
             qPrintable(QString("entry %1: %2, by differences %3").arg(i).arg(gradient[i]).arg(expected)));
  }
}

qs::ArchitectureSpec smallSpec() {
  qs::ArchitectureSpec spec;
  spec.heads = 4;
  spec.kvHeads = 2;
  spec.headDim = 4;
  spec.rope = qs::RopeSpec{.dims = 4, .frequencies = {0.7, 0.05}, .attentionFactor = 1.1};
  return spec;
}

}  // namespace

/// The backward pass of each operation against central differences of its forward pass, in F64.
class TestGradients : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void norm_data() {
    QTest::addColumn<int>("kind");
    QTest::newRow("RMS") << static_cast<int>(qs::NormKind::Rms);
    QTest::newRow("RMS, one plus the weight") << static_cast<int>(qs::NormKind::RmsPlusOne);
    QTest::newRow("layer norm with bias") << static_cast<int>(qs::NormKind::Layer);
  }
  void norm() {
    QFETCH(int, kind);
    const qs::NormSpec spec{.kind = static_cast<qs::NormKind>(kind), .name = "n", .size = 6, .epsilon = 1e-3};
    Tensors tensors{{"n.weight", randomMatrix(1, 6, 1)}, {"n.bias", randomMatrix(1, 6, 2)}};
    Matrix64 in = randomMatrix(5, 6, 3);
    const Matrix64 outer = randomMatrix(5, 6, 4);
    const auto loss = [&] {
      return dot(qs::normForward<double>(spec, tensors, in.view(), {}).values(), outer.values());
    };
    Tensors gradients{{"n.weight", Matrix64(1, 6)}, {"n.bias", Matrix64(1, 6)}};
    const Matrix64 back = qs::normBackward<double>(spec, tensors, in.view(), outer.view(), gradients, {});
    compareWithDifferences(in.values(), back.values(), loss);
    compareWithDifferences(tensors["n.weight"].values(), gradients["n.weight"].values(), loss);
    if (spec.kind == qs::NormKind::Layer)
      compareWithDifferences(tensors["n.bias"].values(), gradients["n.bias"].values(), loss);
  }

  void linear() {
    const qs::LinearSpec spec{.name = "l", .out = 3, .in = 5, .bias = true};
    const std::string weight = "l.weight";
    const qs::TrainedLinear<double> linear{spec, weight};
    Tensors tensors{{weight, randomMatrix(3, 5, 1)}, {"l.bias", randomMatrix(1, 3, 2)}};
    Matrix64 in = randomMatrix(7, 5, 3);
    const Matrix64 outer = randomMatrix(7, 3, 4);
    const auto loss = [&] {
      Matrix64 out(7, 3);
      qs::linearForward<double>(linear, tensors, in.view(), qs::blockOf(out.span(), 0, 7, 0, 3), {});
      return dot(out.values(), outer.values());
    };
    Tensors gradients{{weight, Matrix64(3, 5)}, {"l.bias", Matrix64(1, 3)}};
    Matrix64 back(7, 5);
    qs::linearBackward<double>(linear, tensors, in.view(), qs::blockOf(outer.view(), 0, 7, 0, 3), back.span(), true,
                               gradients, {});
    compareWithDifferences(in.values(), back.values(), loss);
    compareWithDifferences(tensors[weight].values(), gradients[weight].values(), loss);
    compareWithDifferences(tensors["l.bias"].values(), gradients["l.bias"].values(), loss);
  }

  void activation_data() {
    QTest::addColumn<int>("activation");
    QTest::addColumn<bool>("gated");
    for (const bool gated : {true, false}) {
      const char* form = gated ? "gated" : "plain";
      QTest::addRow("SiLU, %s", form) << static_cast<int>(qs::Activation::Silu) << gated;
      QTest::addRow("ReLU, %s", form) << static_cast<int>(qs::Activation::Relu) << gated;
      QTest::addRow("GELU, %s", form) << static_cast<int>(qs::Activation::GeluExact) << gated;
      QTest::addRow("GELU by tanh, %s", form) << static_cast<int>(qs::Activation::GeluTanh) << gated;
      QTest::addRow("quick GELU, %s", form) << static_cast<int>(qs::Activation::QuickGelu) << gated;
    }
  }
  void activation() {
    QFETCH(int, activation);
    QFETCH(bool, gated);
    const qs::MlpSpec mlp{.gated = gated,
                          .activation = static_cast<qs::Activation>(activation),
                          .down = {.name = "d", .out = 2, .in = 4}};
    Matrix64 in = randomMatrix(6, gated ? 8 : 4, 1);
    const Matrix64 outer = randomMatrix(6, 4, 2);
    const Matrix64 back = qs::activateBackward<double>(mlp, in.view(), outer.view(), {});
    compareWithDifferences(in.values(), back.values(), [&] {
      return dot(qs::activateForward<double>(mlp, in.view(), {}).values(), outer.values());
    });
  }

  void attention_data() {
    QTest::addColumn<int>("window");
    QTest::addColumn<double>("cap");
    QTest::addColumn<bool>("perHead");
    QTest::newRow("causal, grouped queries") << 0 << 0.0 << false;
    QTest::newRow("a sliding window") << 3 << 0.0 << false;
    QTest::newRow("capped scores") << 0 << 1.5 << false;
    QTest::newRow("q, k and v of a head together") << 0 << 0.0 << true;
  }
  void attention() {
    QFETCH(int, window);
    QFETCH(double, cap);
    QFETCH(bool, perHead);
    qs::ArchitectureSpec spec = smallSpec();
    if (perHead) spec.kvHeads = spec.heads;
    const qs::AttentionSpec attention{.layout = perHead ? qs::QkvLayout::PerHead : qs::QkvLayout::Stacked,
                                      .scoreScale = 0.6,
                                      .softCap = cap,
                                      .window = static_cast<std::size_t>(window)};
    constexpr std::size_t kRows = 2 * 5;
    Matrix64 qkv = randomMatrix(kRows, (spec.heads + 2 * spec.kvHeads) * spec.headDim, 1);
    const Matrix64 outer = randomMatrix(kRows, spec.heads * spec.headDim, 2);
    const Matrix64 back = qs::attendBackward<double>(spec, attention, qkv.view(), outer.view(), 5, {});
    compareWithDifferences(qkv.values(), back.values(), [&] {
      return dot(qs::attendForward<double>(spec, attention, qkv.view(), 5, {}).values(), outer.values());
    });
  }

  /// Norms of heads and the rotation.
  void placedHeads() {
    const qs::ArchitectureSpec spec = smallSpec();
    qs::AttentionSpec attention;
    attention.queryNorm = qs::NormSpec{.name = "q", .size = 4, .epsilon = 1e-3};
    attention.keyNorm = qs::NormSpec{.kind = qs::NormKind::RmsPlusOne, .name = "k", .size = 4, .epsilon = 1e-3};
    Tensors tensors{{"q.weight", randomMatrix(1, 4, 1)}, {"k.weight", randomMatrix(1, 4, 2)}};
    Matrix64 in = randomMatrix(6, (spec.heads + 2 * spec.kvHeads) * spec.headDim, 3);
    const Matrix64 outer = randomMatrix(6, in.cols(), 4);
    const auto loss = [&] {
      Matrix64 placed = in;
      qs::placeHeads<double>(spec, attention, tensors, placed.span(), 3, {});
      return dot(placed.values(), outer.values());
    };
    Tensors gradients{{"q.weight", Matrix64(1, 4)}, {"k.weight", Matrix64(1, 4)}};
    Matrix64 back = outer;
    qs::placeHeadsBackward<double>(spec, attention, tensors, in.view(), back.span(), 3, gradients, {});
    compareWithDifferences(in.values(), back.values(), loss);
    compareWithDifferences(tensors["q.weight"].values(), gradients["q.weight"].values(), loss);
    compareWithDifferences(tensors["k.weight"].values(), gradients["k.weight"].values(), loss);
  }

  void head_data() {
    QTest::addColumn<double>("share");
    QTest::addColumn<double>("cap");
    QTest::newRow("cross-entropy") << 0.0 << 0.0;
    QTest::newRow("divergence from the teacher") << 1.0 << 0.0;
    QTest::newRow("a mix, capped logits") << 0.3 << 2.0;
  }
  void head() {
    QFETCH(double, share);
    QFETCH(double, cap);
    qs::ArchitectureSpec spec;
    spec.vocabSize = 7;
    spec.hiddenSize = 5;
    spec.finalNorm = qs::NormSpec{.name = "n", .size = 5, .epsilon = 1e-3};
    spec.head = {.name = "h", .out = 7, .in = 5, .bias = true};
    spec.finalSoftCap = cap;
    qs::TrainingModel<double> model{.spec = spec};
    model.tensors = {
        {"n.weight", randomMatrix(1, 5, 1)}, {"h.weight", randomMatrix(7, 5, 2)}, {"h.bias", randomMatrix(1, 7, 3)}};
    qs::TrainingModel<double> teacher{.spec = spec};
    teacher.tensors = {{"h.weight", randomMatrix(7, 5, 4)}, {"h.bias", randomMatrix(1, 7, 5)}};
    const Matrix64 teacherInputs = randomMatrix(6, 5, 6);
    const qs::TeacherRows<double> rows{teacherInputs.view(), &teacher};
    Matrix64 states = randomMatrix(6, 5, 7);
    const std::vector<int> targets{3, 0, -1, 6, 2, 2};
    const auto loss = [&] {
      const auto result = qs::headPass<double>(model, states, targets, rows, {share}, nullptr, {});
      return result.loss / static_cast<double>(result.predicted);
    };
    Tensors gradients;
    for (const auto& [name, values] : model.tensors) gradients.emplace(name, Matrix64(values.rows(), values.cols()));
    const auto result = qs::headPass<double>(model, states, targets, rows, {share}, &gradients, {});
    QCOMPARE(result.predicted, std::size_t{5});
    compareWithDifferences(states.values(), result.gradient.values(), loss);
    for (auto& [name, values] : model.tensors)
      compareWithDifferences(values.values(), gradients.at(name).values(), loss);
  }
};

QTEST_APPLESS_MAIN(TestGradients)
#include "tst_gradients.moc"
