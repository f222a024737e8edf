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
#include "tests/support/project_paths.h"
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

AuditReport auditOf(const Checkpoint& model, const std::filesystem::path& path) {
  AuditReport audit;
  inWorkerArena({}, [&] { audit = auditCheckpoint(model, *openCheckpoint(path), {}); });
  return audit;
}

std::string faultsOf(const AuditReport& audit) {
  std::string text;
  for (const TensorAudit& tensor : audit.tensors)
    for (const AuditFault& fault : tensor.faults)
      text += tensor.name + ": " + std::string(faultId(fault.kind)) + ": " + fault.message + "\n";
  return text;
}

// The demo model, whose outliers make strong input scales, exported with them folded.
std::filesystem::path exportFolded(const Checkpoint& demo, const std::string& method, const Settings& settings,
                                   const std::filesystem::path& folder) {
  QuantRequest request{.method = method, .settings = settings, .scaleType = ScaleType::F16};
  request.calibration = {.textFile = demoFolder() / "calibration.txt", .runModel = true};
  request.calibration.window = 64;
  request.calibration.windows = 16;
  RunStore store(folder / "runs", demo, request);
  QuantReport report;
  inWorkerArena({}, [&] { report = runQuantization(demo, request, store, {}); });
  const ExporterInfo& exporter = requireExporter("compressed-tensors");
  const ExportOptions options{.path = folder / "out"};
  inWorkerArena({}, [&] { exporter.write({demo, request, report, store}, options, {}); });
  return options.path;
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
    request.scaleType = scaleTypeFor(exporter, *model);
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
    const AuditReport audit = auditOf(*model, options.path);
    QVERIFY2(audit.faultCount() == 0, faultsOf(audit).c_str());
    for (const LayerReportPtr& layer : report.layers) {
      const auto found = std::ranges::find(audit.tensors, layer->name + ".weight", &TensorAudit::name);
      QVERIFY(found != audit.tensors.end());
      constexpr double kSameDb = 0.01;  // both figures come from the stored scales
      QVERIFY2(std::abs(found->figures->sqnrDb - layer->metrics.weightSqnrDb) < kSameDb, layer->name.c_str());
    }
  }

  void foldedScalesAreNoFaults_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<int>("bits");
    QTest::newRow("SmoothQuant: up_proj between two folds") << "smoothquant" << 8;
    QTest::newRow("AWQ per channel, 4 bits") << "awq" << 4;
    QTest::newRow("AWQ per channel, 2 bits") << "awq" << 2;
  }
  void foldedScalesAreNoFaults() {
    QFETCH(QString, method);
    QFETCH(int, bits);
    const TempFolder folder;
    const auto demo = openCheckpoint(demoFolder());
    Settings settings;
    if (method == "awq") settings = Settings({{"bits", std::int64_t{bits}}, {"group_size", std::int64_t{-1}}});
    if (method == "awq") settings.set("search", std::string("fast"));
    const AuditReport audit = auditOf(*demo, exportFolded(*demo, method.toStdString(), settings, folder.path()));
    QVERIFY2(audit.faultCount() == 0, faultsOf(audit).c_str());
  }

  void oneWrongElementOfAFoldedNormIsFound() {
    const TempFolder folder;
    const auto demo = openCheckpoint(demoFolder());
    const std::filesystem::path path = exportFolded(*demo, "smoothquant", {}, folder.path());
    const std::string norm = "model.layers.2.input_layernorm.weight";
    const auto exported = openCheckpoint(path);
    const auto* const source = exported->find(norm);
    QVERIFY(source != nullptr && source->info.dtype == DType::F32);
    std::vector<float> values(source->info.elements);
    source->source->read(0, values);
    const std::string before(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    values[7] *= 1.5F;
    const std::string after(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    std::string file = readFile(path / "model.safetensors");
    const std::size_t at = file.find(before);
    QVERIFY(at != std::string::npos);
    file.replace(at, before.size(), after);
    folder.write("out/model.safetensors", file);
    const AuditReport audit = auditOf(*demo, path);
    const auto found = std::ranges::find(audit.tensors, norm, &TensorAudit::name);
    QVERIFY2(found->faults.size() == 1 && found->faults[0].kind == FaultKind::Changed, faultsOf(audit).c_str());
  }
};

QTEST_GUILESS_MAIN(TestAuditExports)
#include "tst_audit_exports.moc"
