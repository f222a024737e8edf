#include <QtTest>

#include <cmath>

#include "core/io/reader_registry.h"
#include "core/kernels/dequantize.h"
#include "core/model/architecture_registry.h"
#include "core/model/layer_groups.h"
#include "core/model/runner/transformer_runner.h"
#include "core/quant/uniform_grid.h"
#include "core/session/linear_weights.h"
#include "core/session/run_weights.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kDemo = qs::test::demoFolder();

// Factors from 1/2 to 2, another for each channel.
std::vector<float> scaleOf(std::size_t inputs) {
  std::vector<float> scale(inputs);
  for (std::size_t c = 0; c < inputs; ++c) scale[c] = std::exp2(std::sin(static_cast<float>(c)));
  return scale;
}

/// The model with the weights that the run's layers stand for in the original domain: nothing folded.
class EffectiveWeights : public qs::CheckpointWeights {
 public:
  EffectiveWeights(const qs::ArchitectureSpec& spec, const qs::Checkpoint& model, const qs::RunStore& store)
      : CheckpointWeights(spec, model), m_store(store) {}
  [[nodiscard]] std::shared_ptr<const qs::Matrix> linear(const qs::LinearSpec& linear,
                                                         const qs::RunContext& context) const override {
    const auto tensor = m_store.loadTensor(linear.name);
    if (!tensor) return CheckpointWeights::linear(linear, context);
    return std::make_shared<const qs::Matrix>(qs::dequantizeMatrix(*tensor, context));
  }

 private:
  const qs::RunStore& m_store;
};

}  // namespace

class TestFoldInputScales : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void vectorsAreDivided_data() {
    QTest::addColumn<bool>("plusOne");
    QTest::addColumn<float>("expected");
    QTest::newRow("a norm's weight") << false << 1.5F;
    QTest::newRow("Gemma's norm, stored without its one") << true << 1.0F;  // (1 + 3)/2 − 1
  }
  void vectorsAreDivided() {
    QFETCH(bool, plusOne);
    QFETCH(float, expected);
    using Kind = qs::InputScaleFold::Kind;
    std::vector<float> values{3.0F};
    qs::applyFold({plusOne ? Kind::ElementsPlusOne : Kind::Elements, {2.0F}}, values);
    QCOMPARE(values[0], expected);
  }

  void scalesOfRowsAreDivided() {
    qs::QuantizedTensor tensor;
    tensor.scheme = {.bits = 4, .groupSize = 2};
    tensor.rows = 2;
    tensor.cols = 4;
    tensor.codes.assign(8, 3);
    tensor.scales = {1, 2, 3, 4};
    tensor.zeroPoints.assign(4, 0);
    qs::applyFoldToScales({qs::InputScaleFold::Kind::Rows, {1.0F, 2.0F}}, "layer", tensor);
    QCOMPARE(tensor.scales, (std::vector<float>{1, 2, 1.5F, 2}));
    tensor.scheme.groupSize = qs::kPerTensor;
    QVERIFY_EXCEPTION_THROWN(qs::applyFoldToScales({qs::InputScaleFold::Kind::Rows, {1, 2}}, "layer", tensor),
                             qs::Error);
  }

  void aScaleWithoutAnOperationBeforeIsRefused() {
    const auto model = qs::openCheckpoint(kDemo);
    const qs::ArchitectureSpec spec = qs::loadArchitecture(*model);
    const auto onlyOutput = [](const std::string& layer) {  // grouped queries: one value feeds two inputs
      return layer.ends_with("o_proj") ? scaleOf(256) : std::vector<float>();
    };
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::foldInputScales(spec, onlyOutput)), qs::Error);
    const auto onlyQuery = [](const std::string& layer) {
      return layer.ends_with("q_proj") ? scaleOf(256) : std::vector<float>();
    };
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::foldInputScales(spec, onlyQuery)), qs::Error);
  }

  // The folded model, run, gives what dividing the scales out of the weights gives.
  void theFoldedModelComputesTheSame() {
    const auto model = qs::openCheckpoint(kDemo);
    const qs::ArchitectureSpec spec = qs::loadArchitecture(*model);
    const qs::test::TempFolder folder;
    qs::RunStore store(folder.path(), *model, {});
    qs::QuantReport report;
    for (const qs::LayerGroup& group : qs::layerGroups(spec)) {
      if (group.block == qs::LayerGroup::kNoBlock) continue;
      for (const qs::LinearSpec& linear : group.linears) {
        qs::LayerReport layer;
        layer.name = linear.name;
        layer.shape = {linear.out, linear.in};
        store.save(layer, quantized(*model, linear, group.producer.foldable));
        report.layers.push_back(std::make_shared<const qs::LayerReport>(layer));
      }
    }
    const qs::RunWeights folded(spec, *model, report, store);
    const EffectiveWeights plain(spec, *model, store);
    std::vector<int> ids{0};
    for (int i = 1; i < 24; ++i) ids.push_back(i * 37 % 1024);
    const qs::Matrix a = qs::TransformerRunner(spec, folded).run(ids, ids.size(), {});
    const qs::Matrix b = qs::TransformerRunner(spec, plain).run(ids, ids.size(), {});
    double difference = 0;
    double reference = 0;
    for (std::size_t i = 0; i < a.values().size(); ++i) {
      difference += std::pow(static_cast<double>(a.values()[i]) - static_cast<double>(b.values()[i]), 2);
      reference += std::pow(static_cast<double>(b.values()[i]), 2);
    }
    constexpr double kF32Rounding = 1e-4;  // four blocks in F32, each factor rounded on its own
    QVERIFY2(std::sqrt(difference / reference) < kF32Rounding,
             qPrintable(QString::number(std::sqrt(difference / reference))));
  }

 private:
  static qs::QuantizedTensor quantized(const qs::Checkpoint& model, const qs::LinearSpec& linear, bool isScaled) {
    qs::Matrix weights = qs::loadLinear(model, model.require(linear.name + ".weight"), {});
    const std::vector<float> scale = isScaled ? scaleOf(linear.in) : std::vector<float>(linear.in, 1.0F);
    for (std::size_t r = 0; r < weights.rows(); ++r)
      for (std::size_t c = 0; c < weights.cols(); ++c) weights(r, c) *= scale[c];
    qs::QuantizedTensor tensor = qs::quantizeUniform(weights.view(), {.bits = 8, .groupSize = 128}, false, {});
    if (isScaled) tensor.inputScale = scale;
    return tensor;
  }
};

QTEST_APPLESS_MAIN(TestFoldInputScales)
#include "tst_fold_input_scales.moc"
