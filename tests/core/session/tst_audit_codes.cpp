#include <QtTest>

#include <cmath>

#include "tests/support/audited_checkpoint.h"

using namespace qs;
using namespace qs::test;

namespace {

// Fields of each word of eight in another order, along the outputs (AWQ) or the inputs (GPTQ).
void reorder(FourBitLayer& layer, const std::array<std::size_t, 8>& from, bool alongOutputs) {
  const FourBitLayer before = layer;
  const std::size_t groups = layer.groups();
  for (std::size_t o = 0; o < layer.rows; ++o) {
    const std::size_t row = alongOutputs ? o / 8 * 8 + from[o % 8] : o;
    for (std::size_t k = 0; k < layer.cols; ++k)
      layer.codes[o * layer.cols + k] = before.codes[row * layer.cols + (alongOutputs ? k : k / 8 * 8 + from[k % 8])];
    for (std::size_t g = 0; g < groups; ++g) layer.zeros[o * groups + g] = before.zeros[row * groups + g];
  }
}

// The rows of heads as GGUF's architecture "llama" has them: new row 2i = old row i, 2i+1 = old row i + D/2.
Matrix interleavedHeads(const Matrix& values) {
  Matrix result = values;
  for (std::size_t r = 0; r < values.rows(); ++r) {
    const std::size_t within = r % kHeadRows;
    const std::size_t target = r - within + (within < kHeadRows / 2 ? 2 * within : 2 * (within - kHeadRows / 2) + 1);
    std::ranges::copy(values.row(r), result.row(target).begin());
  }
  return result;
}

// Groups along the outputs: scale and zero point of 32 outputs and one input, stored as if they were the others'.
void cutAlongOutputs(FourBitLayer& layer, const Matrix& values) {
  Matrix turned(values.cols(), values.rows());
  for (std::size_t r = 0; r < values.rows(); ++r)
    for (std::size_t c = 0; c < values.cols(); ++c) turned(c, r) = values(r, c);
  const FourBitLayer other = roundToFourBits(turned, kGroup);
  layer.scales = other.scales;
  layer.zeros = other.zeros;
  for (std::size_t r = 0; r < layer.rows; ++r)
    for (std::size_t c = 0; c < layer.cols; ++c) layer.codes[r * layer.cols + c] = other.codes[c * layer.rows + r];
}

}  // namespace

Q_DECLARE_METATYPE(qs::test::Planted)
Q_DECLARE_METATYPE(qs::FaultKind)

// Faults in how codes, scales and zero points of a layer are stored.
class TestAuditCodes : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aPlantedFaultIsNamed_data() {
    QTest::addColumn<Planted>("planted");
    const std::string up = std::string(kUp) + ".weight";
    const std::string down = std::string(kDown) + ".weight";
    const std::string query = std::string(kQuery) + ".weight";
    const auto row = [](const char* name, Planted planted) { QTest::newRow(name) << std::move(planted); };
    row("zero points one too high, GPTQ", {inLayer(kUp,
                                                   [](FourBitLayer& l) {
                                                     for (auto& z : l.zeros) z = (z + 1) % 16;
                                                   }),
                                           addGptqLayer, up, FaultKind::ZeroPointOffByOne});
    row("zero points one too low, AWQ", {inLayer(kDown,
                                                 [](FourBitLayer& l) {
                                                   for (auto& z : l.zeros) --z;
                                                 }),
                                         addAwqLayer, down, FaultKind::ZeroPointOffByOne});
    row("codes with their highest bit turned over", {inLayer(kUp,
                                                             [](FourBitLayer& l) {
                                                               for (auto& c : l.codes) c ^= 8U;
                                                             }),
                                                     addGptqLayer, up, FaultKind::CodeSign});
    row("AWQ without its interleaving", {inLayer(kUp,
                                                 [](FourBitLayer& l) {
                                                   reorder(l, {0, 2, 4, 6, 1, 3, 5, 7}, true);
                                                 }),
                                         addAwqLayer, up, FaultKind::NibbleOrder});
    row("GPTQ with nibbles of a byte swapped", {inLayer(kDown,
                                                        [](FourBitLayer& l) {
                                                          reorder(l, {1, 0, 3, 2, 5, 4, 7, 6}, false);
                                                        }),
                                                addGptqLayer, down, FaultKind::NibbleOrder});
    row("scales written [out, groups]", {inLayer(kUp,
                                                 [](FourBitLayer& l) {
                                                   const FourBitLayer before = l;
                                                   for (std::size_t u = 0; u < l.scales.size(); ++u)
                                                     l.scales[u % l.rows * l.groups() + u / l.rows] = before.scales[u];
                                                 }),
                                         addGptqLayer, up, FaultKind::GroupAxis});
    row("groups cut along the outputs", {inLayer(kQuery,
                                                 [](FourBitLayer& l) {
                                                   cutAlongOutputs(l, makeModel().at(std::string(kQuery) + ".weight"));
                                                   // stored [in, out / 32], read [out, in / 32]
                                                 }),
                                         addGptqLayer, query, FaultKind::GroupAxis});
    Fault permuted;
    permuted.tensors = [query](Tensors& model) { model.at(query) = interleavedHeads(model.at(query)); };
    row("q in the other rotary layout", {permuted, addGptqLayer, query, FaultKind::HeadPermutation});
    row("scales of the next group", {inLayer(kDown,
                                             [](FourBitLayer& l) {
                                               const FourBitLayer before = l;
                                               for (std::size_t u = 0; u < l.scales.size(); ++u)
                                                 l.scales[u] = before.scales[u / 3 * 3 + (u + 1) % 3];
                                             }),
                                     addGptqLayer, down, FaultKind::ScalePlacement});
    row("scales of another layer",
        {inLayer(kUp,
                 [](FourBitLayer& l) {
                   l.scales = roundToFourBits(makeModel().at("model.layers.0.mlp.gate_proj.weight"), kGroup).scales;
                 }),
         addGptqLayer, up, FaultKind::ScalePlacement});
    row("scales that are all too large", {inLayer(kUp,
                                                  [](FourBitLayer& l) {
                                                    for (auto& s : l.scales) s *= 4.0F;
                                                  }),
                                          addAwqLayer, up, FaultKind::ScalePlacement});
    Fault unfolded;
    unfolded.tensors = [](Tensors& model) {
      const Matrix norm = model.at(kNorm);
      fold(model, kNorm, true, {"model.layers.0.mlp.gate_proj.weight", std::string(kUp) + ".weight"});
      model.at(kNorm) = norm;
    };
    row("an input scale that the norm doesn't undo", {unfolded, addAwqLayer, up, FaultKind::ScalePlacement});
    row("a scale that is NaN",
        {inLayer(kUp, [](FourBitLayer& l) { l.scales[5] = std::nanf(""); }), addGptqLayer, up, FaultKind::BadScale});
    row("a scale that is zero",
        {inLayer(kUp, [](FourBitLayer& l) { l.scales[7] = 0; }), addAwqLayer, up, FaultKind::BadScale});
    Fault noise;
    noise.tensors = [up](Tensors& model) { model.at(up) = weights(kInner, kHidden, 99); };
    row("a layer of another model", {noise, addGptqLayer, up, FaultKind::LargeError});
  }
  void aPlantedFaultIsNamed() {
    QFETCH(Planted, planted);
    const std::string reason = whyNotNamed(planted);
    QVERIFY2(reason.empty(), reason.c_str());
  }

  // Components whose shapes don't fit: the layer can't be decoded, and the scales may say why.
  void componentsThatDontFitAreAFaultOfTheirLayer_data() {
    QTest::addColumn<int>("first");
    QTest::addColumn<int>("second");
    QTest::addColumn<FaultKind>("kind");
    const int outputs = kInner;
    const int inputs = kHidden;
    QTest::newRow("a group too many") << 3 << outputs << FaultKind::Unreadable;
    QTest::newRow("neither outputs nor inputs") << 2 << 50 << FaultKind::Unreadable;
    QTest::newRow("[out, groups]") << outputs << 2 << FaultKind::GroupAxis;
    QTest::newRow("[groups along the outputs, in]") << 3 << inputs << FaultKind::GroupAxis;
    QTest::newRow("[in, groups along the outputs]") << inputs << 3 << FaultKind::GroupAxis;
  }
  void componentsThatDontFitAreAFaultOfTheirLayer() {
    QFETCH(int, first);
    QFETCH(int, second);
    QFETCH(FaultKind, kind);
    const std::size_t rows = static_cast<std::size_t>(first);
    const std::size_t cols = static_cast<std::size_t>(second);
    Fault turned;
    turned.untouched = {kUp};
    turned.tensors = [](Tensors& model) { model.erase(std::string(kUp) + ".weight"); };
    turned.extra = [rows, cols](CheckpointBuilder& b) {
      b.addWords(std::string(kUp) + ".qweight", {kHidden / 8, kInner},
                 std::vector<std::uint32_t>(kHidden / 8 * kInner));
      b.addWords(std::string(kUp) + ".qzeros", {2, kInner / 8}, std::vector<std::uint32_t>(2 * kInner / 8));
      b.addHalves(std::string(kUp) + ".scales", {rows, cols}, std::vector<float>(rows * cols, 0.1F));
    };
    const Audited audited(addGptqLayer, gptqConfig(), turned);
    const TensorAudit& tensor = audited.tensor(std::string(kUp) + ".weight");
    QVERIFY2(tensor.faults.size() == 1, audited.faults().c_str());
    QVERIFY2(tensor.faults.front().kind == kind, audited.faults().c_str());
    QVERIFY(tensor.faults.front().message.find("scales") != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(TestAuditCodes)
#include "tst_audit_codes.moc"
