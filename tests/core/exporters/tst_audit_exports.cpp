#include <QtTest>

#include <map>
#include <set>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/exporters/exporter_registry.h"
#include "core/io/reader_registry.h"
#include "core/session/audit/audit_checkpoint.h"
#include "core/session/run_quantization.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/random_matrix.h"

using namespace qs;
using namespace qs::test;

namespace {

constexpr std::size_t kHidden = 64;
constexpr std::size_t kInner = 96;
constexpr std::size_t kVocabulary = 32;

// A llama of two blocks, without tokenizer.
std::shared_ptr<const Checkpoint> makeModel(const std::filesystem::path& folder) {
  CheckpointBuilder builder;
  std::uint64_t seed = 1;
  const auto add = [&](const std::string& name, std::size_t rows, std::size_t cols) {
    const Matrix values = randomMatrix(rows, cols, seed++);
    const std::vector<std::size_t> shape = rows == 1 ? std::vector{cols} : std::vector{rows, cols};
    builder.addHalves(name, shape, {values.values().begin(), values.values().end()});
  };
  add("model.embed_tokens.weight", kVocabulary, kHidden);
  add("lm_head.weight", kVocabulary, kHidden);
  add("model.norm.weight", 1, kHidden);
  for (const std::string block : {"model.layers.0.", "model.layers.1."}) {
    add(block + "input_layernorm.weight", 1, kHidden);
    add(block + "post_attention_layernorm.weight", 1, kHidden);
    for (const char* name : {"q", "k", "v", "o"}) add(block + "self_attn." + name + "_proj.weight", kHidden, kHidden);
    for (const char* name : {"gate", "up"}) add(block + "mlp." + name + "_proj.weight", kInner, kHidden);
    add(block + "mlp.down_proj.weight", kHidden, kInner);
  }
  return builder.open(folder, {{"model_type", "llama"},
                               {"architectures", {"LlamaForCausalLM"}},
                               {"vocab_size", kVocabulary},
                               {"hidden_size", kHidden},
                               {"intermediate_size", kInner},
                               {"num_hidden_layers", 2},
                               {"num_attention_heads", 4},
                               {"num_key_value_heads", 4},
                               {"max_position_embeddings", 64},
                               {"rms_norm_eps", 1e-5},
                               {"tie_word_embeddings", false}});
}

}  // namespace

class TestAuditExports : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void whatEveryExporterWritesHasNoFault_data() {
    QTest::addColumn<QString>("format");
    QTest::addColumn<QString>("method");
    QTest::addColumn<bool>("isSymmetric");
    QTest::addColumn<bool>("isRefused");
    // What a format can't hold; all else it has to write.
    const std::map<std::string, std::set<std::string>> refused{
        {"gptq", {"int8-dynamic", "hqq", "nf4"}},
        {"awq", {"int8-dynamic", "hqq", "nf4"}},
        {"compressed-tensors", {"hqq", "nf4"}},
        {"gguf", {"rtn", "int8-dynamic", "hqq", "nf4"}},
    };
    for (const ExporterInfo& exporter : allExporters())
      for (const char* method : {"rtn", "int8-dynamic", "hqq", "nf4"})
        for (const bool isSymmetric : {false, true}) {
          if (isSymmetric && std::string_view(method) != "rtn") continue;
          const auto list = refused.find(exporter.id);
          const bool isRefused = list != refused.end() && list->second.contains(method) && !isSymmetric;
          QTest::addRow("%s of %s%s", exporter.id.c_str(), method, isSymmetric ? ", symmetric" : "")
              << QString::fromStdString(exporter.id) << QString(method) << isSymmetric << isRefused;
        }
  }

  void whatEveryExporterWritesHasNoFault() {
    QFETCH(QString, format);
    QFETCH(QString, method);
    QFETCH(bool, isSymmetric);
    QFETCH(bool, isRefused);
    const TempFolder folder;
    const auto model = makeModel(folder.path() / "in");
    const ExporterInfo& exporter = requireExporter(format.toStdString());
    QuantRequest request;
    request.method = method.toStdString();
    if (method == "rtn")
      request.settings =
          Settings({{"bits", std::int64_t{4}}, {"group_size", std::int64_t{32}}, {"symmetric", isSymmetric}});
    request.scaleType = exporter.scaleType;
    const ExportOptions options{.path = folder.path() / ("out" + exporter.suffix)};
    std::string refusal;
    try {
      requireExportable(exporter, *model, request, options);
    } catch (const Error& error) {
      refusal = error.what();
    }
    QVERIFY2(refusal.empty() != isRefused, refusal.c_str());
    if (isRefused) return;
    RunStore store(folder.path() / "runs", *model, request);
    const QuantReport report = runQuantization(*model, request, store, {});
    exporter.write({*model, request, report, store}, options, {});
    AuditReport audit;
    inWorkerArena({}, [&] { audit = auditCheckpoint(*model, *openCheckpoint(options.path), {}); });
    for (const TensorAudit& tensor : audit.tensors)
      for (const AuditFault& fault : tensor.faults)
        qWarning("%s: %s: %s", tensor.name.c_str(), faultId(fault.kind).data(), fault.message.c_str());
    QCOMPARE(audit.faultCount(), std::size_t{0});
    for (const LayerReportPtr& layer : report.layers) {
      const auto found = std::ranges::find(audit.tensors, layer->name + ".weight", &TensorAudit::name);
      QVERIFY(found != audit.tensors.end());
      constexpr double kSameDb = 0.01;  // both figures come from the stored scales
      QVERIFY2(std::abs(found->figures->sqnrDb - layer->metrics.weightSqnrDb) < kSameDb, layer->name.c_str());
    }
  }
};

QTEST_GUILESS_MAIN(TestAuditExports)
#include "tst_audit_exports.moc"
