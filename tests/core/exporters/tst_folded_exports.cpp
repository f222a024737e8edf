#include <QtTest>

#include <cmath>
#include <map>

#include "core/exporters/exporter_registry.h"
#include "core/io/reader_registry.h"
#include "core/session/run_quantization.h"
#include "tests/support/random_tensors.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kHidden = 64;
constexpr std::uint64_t kTokens = 96;
constexpr const char* kBlock = "model.layers.0.";
constexpr const char* kConfig = R"({"model_type":"llama","hidden_size":64,"intermediate_size":128,"num_hidden_layers":1,
  "num_attention_heads":4,"num_key_value_heads":4,"vocab_size":8,"max_position_embeddings":32,"rms_norm_eps":1e-5,
  "hidden_act":"silu","tie_word_embeddings":true})";

std::map<std::string, Shape> shapes() {
  const std::string block = kBlock;
  return {{"model.embed_tokens.weight", {8, kHidden}},
          {block + "self_attn.q_proj.weight", {kHidden, kHidden}},
          {block + "self_attn.k_proj.weight", {kHidden, kHidden}},
          {block + "self_attn.v_proj.weight", {kHidden, kHidden}},
          {block + "self_attn.o_proj.weight", {kHidden, kHidden}},
          {block + "mlp.gate_proj.weight", {128, kHidden}},
          {block + "mlp.up_proj.weight", {128, kHidden}},
          {block + "mlp.down_proj.weight", {kHidden, 128}},
          {block + "input_layernorm.weight", {kHidden}},
          {block + "post_attention_layernorm.weight", {kHidden}},
          {"model.norm.weight", {kHidden}}};
}

void writeRandom(const fs::path& path, const std::map<std::string, Shape>& tensors, float outlier) {
  std::vector<PlannedTensor> plan;
  for (const auto& [name, shape] : tensors) plan.push_back({name, DType::F32, shape});
  writeRandomTensors(path, plan, 9, 1.0F, [outlier](std::size_t column) { return column == 5 ? outlier : 1.0F; });
}

// A model with all its inputs given, so that every method that scales inputs finds an outlier to smooth.
struct Scaled {
  TempFolder folder;
  std::shared_ptr<const Checkpoint> model;
  QuantRequest request;
  std::unique_ptr<RunStore> store;
  QuantReport report;

  void run(const std::string& method) {
    folder.write("in/config.json", kConfig);
    writeRandom(folder.path() / "in" / "model.safetensors", shapes(), 1.0F);
    model = openCheckpoint(folder.path() / "in");
    std::map<std::string, Shape> inputs;
    for (const auto& [name, shape] : shapes())
      if (name.find("_proj") != std::string::npos)
        inputs[name.substr(0, name.size() - 7) + ".input"] = {kTokens, shape[1]};
    writeRandom(folder.path() / "inputs.safetensors", inputs, 30.0F);
    request.method = method;
    request.scaleType = ScaleType::F16;
    request.calibration.activationsFile = folder.path() / "inputs.safetensors";
    if (method == "awq") request.settings = Settings({{"group_size", std::int64_t{32}}});
    store = std::make_unique<RunStore>(folder.path() / "runs", *model, request);
    report = runQuantization(*model, request, *store, {});
  }
  std::shared_ptr<const Checkpoint> exportAs(const std::string& format) {
    ExportOptions options{.path = folder.path() / "out"};
    if (format == "gguf") options.extra["gguf_type"] = "q8_0";
    const ExporterInfo& exporter = requireExporter(format);
    requireExportable(exporter, *model, request, options);
    const ExportResult result = exporter.write({*model, request, report, *store}, options, {});
    if (result.tensors != shapes().size()) qFatal("not every tensor was compared");
    return openCheckpoint(options.path);
  }
  [[nodiscard]] QuantizedTensor layer(const std::string& name) const { return *store->loadTensor(kBlock + name); }
};

}  // namespace

class TestFoldedExports : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void scalesGoIntoTheNorm_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<QString>("format");
    QTest::newRow("AWQ as AWQ") << "awq"
                                << "awq";
    QTest::newRow("AWQ as GPTQ") << "awq"
                                 << "gptq";
    QTest::newRow("AWQ as compressed-tensors") << "awq"
                                               << "compressed-tensors";
    QTest::newRow("AWQ as GGUF") << "awq"
                                 << "gguf";
    QTest::newRow("SmoothQuant as compressed-tensors") << "smoothquant"
                                                       << "compressed-tensors";
  }

  // norm(x)/s · (W·s) is what the model computed: norm weights are divided by the scale that the layer was
  // multiplied with, and the layer reads back in the scaled domain.
  void scalesGoIntoTheNorm() {
    QFETCH(QString, method);
    QFETCH(QString, format);
    Scaled e;
    e.run(method.toStdString());
    const QuantizedTensor gate = e.layer("mlp.gate_proj");
    QVERIFY(!gate.inputScale.empty());
    const auto out = e.exportAs(format.toStdString());
    const std::string normName = std::string(kBlock) + "post_attention_layernorm.weight";
    const Matrix before = e.model->load(e.model->require(normName));
    const Matrix after = out->load(out->require(normName));
    float least = gate.inputScale[0];
    float most = gate.inputScale[0];
    for (std::size_t i = 0; i < kHidden; ++i) {
      QCOMPARE(after(0, i), before(0, i) / gate.inputScale[i]);
      least = std::min(least, gate.inputScale[i]);
      most = std::max(most, gate.inputScale[i]);
    }
    QVERIFY(most > 1.5F * least);
    if (format == "gguf") return;  // rounds anew
    const Matrix read = out->load(out->require(std::string(kBlock) + "mlp.gate_proj.weight"));
    Matrix expected(gate.rows, gate.cols);
    dequantizeScaledRows(gate, 0, expected.span());
    QVERIFY(read == expected);
  }

  void staticInputsKeepTheirZeroPoint() {
    Scaled e;
    e.run("int8-static");
    const QuantizedTensor gate = e.layer("mlp.gate_proj");
    QVERIFY(gate.activations && gate.activations->isStatic && !gate.activations->symmetric);
    (void)e.exportAs("compressed-tensors");
    const std::string text = readFile(e.folder.path() / "out" / "model.safetensors");
    QVERIFY(text.find("mlp.gate_proj.input_zero_point") != std::string::npos);
    QVERIFY(text.find("mlp.gate_proj.input_scale") != std::string::npos);
  }

  // Calibration inputs weigh the errors of encoders that search their scales.
  void importanceChangesWhatTheEncoderMakes() {
    Scaled e;
    e.run("rtn");
    ExportOptions options{.path = e.folder.path() / "weighted.gguf", .extra = {{"gguf_type", "iq4_nl"}}};
    (void)requireExporter("gguf").write({*e.model, e.request, e.report, *e.store}, options, {});
    QuantRequest plain = e.request;
    plain.calibration = {};
    RunStore store(e.folder.path() / "runs", *e.model, plain);
    const QuantReport report = runQuantization(*e.model, plain, store, {});
    options.path = e.folder.path() / "plain.gguf";
    (void)requireExporter("gguf").write({*e.model, plain, report, store}, options, {});
    const std::string up = std::string(kBlock) + "mlp.up_proj.weight";
    const auto error = [&](const char* file) {
      const auto out = openCheckpoint(e.folder.path() / file);
      const Matrix weights = e.model->load(e.model->require(up));
      const Matrix read = out->load(out->require(up));
      double sum = 0;  // of the one input that counts
      for (std::size_t r = 0; r < weights.rows(); ++r) sum += std::pow(weights(r, 5) - read(r, 5), 2);
      return sum;
    };
    QVERIFY2(error("weighted.gguf") < 0.8 * error("plain.gguf"),
             qPrintable(QString("%1 %2").arg(error("weighted.gguf")).arg(error("plain.gguf"))));
  }
};

QTEST_APPLESS_MAIN(TestFoldedExports)
#include "tst_folded_exports.moc"
