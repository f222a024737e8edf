#include <QtTest>

#include "core/session/hash64.h"
#include "core/session/layer_file.h"

namespace {

qs::QuantizedTensor sampleTensor(int bits, bool isSymmetric) {
  qs::QuantizedTensor tensor;
  tensor.scheme = {.bits = bits, .symmetric = isSymmetric, .groupSize = 4};
  tensor.rows = 3;
  tensor.cols = 7;
  for (int i = 0; i < 21; ++i)
    tensor.codes.push_back(static_cast<std::uint8_t>(tensor.scheme.minCode() + i % (1 << bits)));
  tensor.scales.assign(6, 0.25F);
  if (!isSymmetric) tensor.zeroPoints.assign(6, 2.0F);
  return tensor;
}

qs::LayerReport sampleReport() {
  qs::LayerReport report;
  report.name = "a.b";
  report.shape = {3, 7};
  report.method = "rtn";
  report.settings = qs::Settings({{"bits", std::int64_t{3}}, {"symmetric", true}});
  report.metrics.weightSqnrDb = std::numeric_limits<double>::infinity();
  report.metrics.outputRelativeError = 0.125;
  report.before = {-1.0, 1.0, {1, 2, 3}};
  report.levels = {0.1F, 0.2F};
  report.channels.channels = 7;
  report.channels.first = {0, 1};
  report.channels.absMax = {0.1F, 1e-30F};
  report.outliers = {{.channel = 5, .absMax = 2.0F, .ratio = 7.0F}};
  report.notes = {"a note"};
  report.figures = {{"loss", 1e-300}};
  report.curves = {{"t", "x", "y", {1, 2}, {3, 4}}};
  return report;
}

}  // namespace

class TestLayerFile : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void roundTrips_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("symmetric");
    for (int bits = 2; bits <= 8; ++bits) {
      QTest::addRow("%d bits symmetric", bits) << bits << true;
      QTest::addRow("%d bits asymmetric", bits) << bits << false;
    }
  }
  void roundTrips() {
    QFETCH(int, bits);
    QFETCH(bool, symmetric);
    const qs::QuantizedTensor tensor = sampleTensor(bits, symmetric);
    const std::string bytes = qs::encodeLayer(sampleReport(), tensor);
    QVERIFY(qs::decodeLayerTensor(bytes) == tensor);
    QVERIFY(qs::decodeLayerReport(bytes) == sampleReport());
  }

  void keepsEveryOptionalPart() {
    qs::QuantizedTensor tensor = sampleTensor(4, true);
    tensor.groupIndex = {0, 1, 0, 1, 0, 1, 0};
    tensor.codebook = std::vector<float>(16, 0.5F);
    for (auto& code : tensor.codes) code &= 15U;
    tensor.inputScale.assign(7, 2.0F);
    tensor.inputScaleKind = qs::InputScaleKind::Awq;
    tensor.activations = qs::ActivationScheme{.isStatic = true, .symmetric = false, .scale = 0.5F, .zeroPoint = 7};
    tensor.nestedScales = qs::NestedScales{{1, 2, 3}, {0.5F}, {1.0F}, 0.25F, 2};
    QVERIFY(qs::decodeLayerTensor(qs::encodeLayer(sampleReport(), tensor)) == tensor);
  }

  void damageAnywhereIsNoticed() {
    const std::string bytes = qs::encodeLayer(sampleReport(), sampleTensor(3, true));
    for (std::size_t i = 0; i < bytes.size(); i += 7) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
      QVERIFY(!qs::decodeLayerTensor(damaged).has_value());
      QVERIFY(!qs::decodeLayerReport(bytes.substr(0, i)).has_value());
    }
  }

  void checksumDependsOnTheBytesOnly() {
    const std::string text = "the quick brown fox jumps over the lazy dog";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      qs::Hash64 whole;
      qs::Hash64 parts;
      const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
      whole.add(bytes);
      parts.add(bytes.first(cut));
      parts.add(bytes.subspan(cut));
      QCOMPARE(parts.value(), whole.value());
    }
  }
};

QTEST_APPLESS_MAIN(TestLayerFile)
#include "tst_layer_file.moc"
