#include <QtTest>

#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/io/reader_registry.h"
#include "core/session/audit/audit_checkpoint.h"
#include "tests/support/audited_checkpoint.h"

using namespace qs;
using namespace qs::test;
using Json = nlohmann::json;

namespace {

void foldEverywhere(Tensors& model) {
  for (const std::string block : {"model.layers.0.", "model.layers.1."}) {
    const std::string attention = block + "self_attn.";
    const std::string mlp = block + "mlp.";
    fold(model, block + "input_layernorm.weight", true,
         {attention + "q_proj.weight", attention + "k_proj.weight", attention + "v_proj.weight"});
    fold(model, attention + "v_proj.weight", false, {attention + "o_proj.weight"});
    fold(model, block + "post_attention_layernorm.weight", true, {mlp + "gate_proj.weight", mlp + "up_proj.weight"});
    fold(model, mlp + "up_proj.weight", false, {mlp + "down_proj.weight"});
  }
}

// What is found where one layer is stored plainly, which the configuration says by `key`.
std::string faultsWith(const QString& key, const QStringList& entries) {
  Fault untouched;
  untouched.untouched = {kDown};
  Json config = gptqConfig();
  for (const QString& entry : entries) config[key.toStdString()].push_back(entry.toStdString());
  return Audited(addGptqLayer, config, untouched).faults();
}

}  // namespace

class TestAuditCheckpoint : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aSoundCheckpointHasNoFault_data() {
    QTest::addColumn<bool>("isAwq");
    QTest::addColumn<bool>("isFolded");
    QTest::addColumn<bool>("isTied");
    QTest::newRow("GPTQ") << false << false << false;
    QTest::newRow("GPTQ with a tied head") << false << false << true;
    QTest::newRow("AWQ") << true << false << false;
    QTest::newRow("AWQ with its scales folded into norms and linears") << true << true << false;
  }
  void aSoundCheckpointHasNoFault() {
    QFETCH(bool, isAwq);
    QFETCH(bool, isFolded);
    QFETCH(bool, isTied);
    Fault none;
    if (isFolded) none.tensors = foldEverywhere;
    none.isTied = isTied;
    const Audited audited(isAwq ? addAwqLayer : addGptqLayer, isAwq ? awqConfig() : gptqConfig(), none);
    QVERIFY2(audited.report.faultCount() == 0, audited.faults().c_str());
    for (const TensorAudit& tensor : audited.report.tensors) {
      if (!tensor.figures) continue;
      // A folded scale is found from weights that were rounded to 4 bits, in rows of 64 to 96.
      const double allowed = isFolded ? 0.7 : 1e-3;
      if (isLinear(tensor.name))
        QVERIFY2(std::abs(tensor.figures->sqnrDb - audited.expected.at(tensor.name)) < allowed, tensor.name.c_str());
      else
        QVERIFY2(tensor.figures->cosine > 0.98, tensor.name.c_str());
      QCOMPARE(!tensor.note.empty(),
               isFolded && (isLinear(tensor.name) || tensor.name.find("layernorm") != std::string::npos));
    }
  }

  void figuresAreThoseOfTheDecodedWeights() {
    const Audited audited(addGptqLayer, gptqConfig(), {});
    const Matrix original = makeModel().at(std::string(kUp) + ".weight");
    const FourBitLayer layer = roundToFourBits(original, kGroup);
    double signal = 0;
    double noise = 0;
    double largest = 0;
    for (std::size_t r = 0; r < layer.rows; ++r)
      for (std::size_t c = 0; c < layer.cols; ++c) {
        const std::size_t unit = r * layer.groups() + c / kGroup;
        const double decoded = (layer.codes[r * layer.cols + c] - layer.zeros[unit]) * double{layer.scales[unit]};
        signal += double{original(r, c)} * double{original(r, c)};
        noise += (decoded - double{original(r, c)}) * (decoded - double{original(r, c)});
        largest = std::max(largest, std::abs(decoded - double{original(r, c)}));
      }
    const TensorAudit& tensor = audited.tensor(std::string(kUp) + ".weight");
    constexpr double kFloatError = 1e-5;  // weights are decoded in F32
    QVERIFY(std::abs(tensor.figures->sqnrDb - 10 * std::log10(signal / noise)) < 1e-3);
    QVERIFY(std::abs(tensor.figures->maxAbsError - largest) < kFloatError);
    // 4 bits, an F16 scale and 4 bits of zero point each 32 weights, 32 bits of group index an input.
    QVERIFY(std::abs(tensor.bitsPerWeight - (4 + 20.0 / 32 + 32.0 / kInner)) < 1e-9);
  }

  void aLayerThatTheConfigurationLeavesOutIsNoFault() {
    Fault untouched;
    untouched.untouched = {kDown};
    Json config = gptqConfig();
    config["dynamic"] = {{"-:.*down_proj", Json::object()}};
    const Audited audited(addGptqLayer, config, untouched);
    QVERIFY2(audited.report.faultCount() == 0, audited.faults().c_str());
  }

  void whatTheConfigurationLeavesOutIsNoFault_data() {
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("entry");
    QTest::newRow("an exact name") << "ignore" << kDown;
    QTest::newRow("an expression") << "ignore"
                                   << "re:.*down_proj";
    QTest::newRow("an expression that ignores case") << "ignore"
                                                     << "re:(?i).*DOWN_proj";
    QTest::newRow("a part of the name") << "modules_to_not_convert"
                                        << "down_proj";
  }
  void whatTheConfigurationLeavesOutIsNoFault() {
    QFETCH(const QString, key);
    QFETCH(const QString, entry);
    QVERIFY2(faultsWith(key, {entry}).empty(), faultsWith(key, {entry}).c_str());
  }

  void expressionsThatCannotBeReadAreToldOf_data() {
    QTest::addColumn<QString>("expression");
    QTest::addColumn<QString>("reason");
    QTest::newRow("no expression") << "re:("
                                   << "no regular expression";
    QTest::newRow("one that takes too long") << "re:(.*)*(.*)*!"
                                             << "takes too long";
    QTest::newRow("one whose choices double with each character") << "re:(.|.)*!"
                                                                  << "takes too long";
  }
  void expressionsThatCannotBeReadAreToldOf() {
    QFETCH(const QString, expression);
    QFETCH(const QString, reason);
    const std::string faults = faultsWith("ignore", {expression});
    QVERIFY2(faults.find(reason.toStdString()) != std::string::npos, faults.c_str());
    QCOMPARE(faultsWith("ignore", {expression, kDown}), std::string());
  }

  void aBiasOfZerosThatTheOriginalLacksIsNoFault() {
    Fault bias;
    bias.extra = [](CheckpointBuilder& b) {
      b.addFloats(std::string(kUp) + ".bias", {kInner}, std::vector<float>(kInner));
    };
    const Audited audited(addGptqLayer, gptqConfig(), bias);
    QVERIFY2(audited.report.faultCount() == 0, audited.faults().c_str());
    QVERIFY(!audited.tensor(std::string(kUp) + ".bias").note.empty());
  }

  void theReportDoesNotDependOnTheThreads() {
    Fault folded;
    folded.tensors = foldEverywhere;
    Audited one(addAwqLayer, awqConfig(), folded, true, 1);
    Audited many(addAwqLayer, awqConfig(), folded, true, 5);
    many.report.original = one.report.original;
    many.report.quantized = one.report.quantized;
    QVERIFY(one.report == many.report);
  }

  void canBeCancelled() {
    const Audited audited(addGptqLayer, gptqConfig(), {});
    const auto original = openCheckpoint(audited.folder.path() / "original");
    std::stop_source stop;
    stop.request_stop();
    const RunContext context{.stop = stop.get_token(), .threads = 2};
    bool isCancelled = false;
    try {
      inWorkerArena(context, [&] { (void)auditCheckpoint(*original, *original, context); });
    } catch (const Cancelled&) {
      isCancelled = true;
    }
    QVERIFY(isCancelled);
  }
};

QTEST_GUILESS_MAIN(TestAuditCheckpoint)
#include "tst_audit_checkpoint.moc"
