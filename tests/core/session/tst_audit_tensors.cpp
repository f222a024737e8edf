#include <QtTest>

#include <cmath>

#include "tests/support/audited_checkpoint.h"

using namespace qs;
using namespace qs::test;

Q_DECLARE_METATYPE(qs::test::Planted)

// Faults in which tensors there are, and in those that aren't quantized.
class TestAuditTensors : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aPlantedFaultIsNamed_data() {
    QTest::addColumn<Planted>("planted");
    const std::string down = std::string(kDown) + ".weight";
    const auto row = [](const char* name, Planted planted) { QTest::newRow(name) << std::move(planted); };
    Fault missing;
    missing.tensors = [](Tensors& model) { model.erase(kNorm); };
    row("a norm that is missing", {missing, addGptqLayer, kNorm, FaultKind::Missing});
    Fault extra;
    extra.extra = [](CheckpointBuilder& b) { b.addFloats("model.layers.0.mlp.side.weight", {2, 2}, {1, 2, 3, 4}); };
    row("a tensor too many", {extra, addGptqLayer, "model.layers.0.mlp.side.weight", FaultKind::Extra});
    Fault untouched;
    untouched.untouched = {kDown};
    row("a layer that stayed unquantized", {untouched, addGptqLayer, down, FaultKind::Untouched});
    Fault tied;
    tied.isTied = true;
    tied.tensors = [](Tensors& model) {
      model.at(kHead) = model.at(kEmbedding);
      for (float& value : model.at(kHead).values()) value = 0.02F * std::nearbyint(value / 0.02F);
    };
    row("a tied head stored apart", {tied, addGptqLayer, kHead, FaultKind::TiedHead});
    Fault changed;
    changed.tensors = [](Tensors& model) { model.at(kNorm)(0, 3) += 1.0F; };
    row("a norm with another value", {changed, addGptqLayer, kNorm, FaultKind::Changed});
    Fault shape;
    shape.tensors = [](Tensors& model) { model.at(kEmbedding) = weights(kVocabulary + 1, kHidden, 1); };
    row("an embedding with a row too many", {shape, addGptqLayer, kEmbedding, FaultKind::ShapeMismatch});
  }
  void aPlantedFaultIsNamed() {
    QFETCH(Planted, planted);
    const std::string reason = whyNotNamed(planted);
    QVERIFY2(reason.empty(), reason.c_str());
  }
};

QTEST_GUILESS_MAIN(TestAuditTensors)
#include "tst_audit_tensors.moc"
