#include <QtTest>

#include <cstring>
#include <map>

#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "core/io/formats/gguf_file.h"
#include "core/io/reader_registry.h"
#include "core/kernels/block_encode.h"
#include "core/model/evaluation/evaluate.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/session/run_quantization.h"
#include "core/tensor/half.h"
#include "tests/support/comma_locale.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/random_tensors.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHidden = 256;
constexpr std::size_t kHeads = 4;
constexpr std::size_t kVocabulary = 12;

// A byte-level tokenizer of ten tokens; the embedding has two rows more.
constexpr const char* kTokenizer = R"({"version":"1.0","added_tokens":[{"id":9,"content":"<s>","special":true}],
 "normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
 "decoder":{"type":"ByteLevel"},"model":{"type":"BPE",
 "vocab":{"a":0,"b":1,"c":2,"ab":3,"abc":4,"Ġ":5,"Ġab":6,"d":7,"e":8},
 "merges":["a b","ab c","Ġ ab"]}})";

std::string configOf(const std::string& family, std::size_t intermediate) {
  return R"({"model_type":")" + family + R"(","hidden_size":256,"intermediate_size":)" + std::to_string(intermediate) +
         R"(,"num_hidden_layers":1,"num_attention_heads":4,"num_key_value_heads":2,"vocab_size":12,"head_dim":64,
         "max_position_embeddings":64,"rms_norm_eps":1e-5,"hidden_act":"silu","tie_word_embeddings":true,
         "bos_token_id":9})";
}

std::map<std::string, Shape> shapesOf(std::size_t intermediate) {
  const std::string block = "model.layers.0.";
  return {{"model.embed_tokens.weight", {kVocabulary, kHidden}},
          {block + "self_attn.q_proj.weight", {kHidden, kHidden}},
          {block + "self_attn.k_proj.weight", {kHidden / 2, kHidden}},
          {block + "self_attn.v_proj.weight", {kHidden / 2, kHidden}},
          {block + "self_attn.o_proj.weight", {kHidden, kHidden}},
          {block + "mlp.gate_proj.weight", {intermediate, kHidden}},
          {block + "mlp.up_proj.weight", {intermediate, kHidden}},
          {block + "mlp.down_proj.weight", {kHidden, intermediate}},
          {block + "input_layernorm.weight", {kHidden}},
          {block + "post_attention_layernorm.weight", {kHidden}},
          {"model.norm.weight", {kHidden}}};
}

struct Exported {
  TempFolder folder;
  std::shared_ptr<const Checkpoint> model;
  QuantRequest request;
  std::unique_ptr<RunStore> store;
  QuantReport report;
  ExportResult result;

  void make(const std::string& family = "llama", std::size_t intermediate = 512) {
    folder.write("in/config.json", configOf(family, intermediate));
    folder.write("in/tokenizer.json", kTokenizer);
    std::vector<PlannedTensor> plan;
    for (const auto& [name, shape] : shapesOf(intermediate)) plan.push_back({name, DType::F32, shape});
    writeRandomTensors(folder.path() / "in" / "model.safetensors", plan, 5, 0.05F);
    model = openCheckpoint(folder.path() / "in");
    request.scaleType = ScaleType::F16;
  }
  [[nodiscard]] fs::path out() const { return folder.path() / "out.gguf"; }
  void run(const ExportOptions& given = {}) {
    ExportOptions options = given;
    options.path = out();
    const ExporterInfo& exporter = requireExporter("gguf");
    requireExportable(exporter, *model, request, options);
    store = std::make_unique<RunStore>(folder.path() / "runs", *model, request);
    report = runQuantization(*model, request, *store, {});
    result = exporter.write({*model, request, report, *store}, options, {});
  }
  [[nodiscard]] Matrix original(const std::string& layer) const {
    return model->load(model->require(layer + ".weight"));
  }
};

ExportOptions ofType(const std::string& type) { return {.extra = {{"gguf_type", type}}}; }

Settings rtn(std::int64_t bits, std::int64_t groupSize, bool isSymmetric) {
  return Settings({{"bits", bits}, {"group_size", groupSize}, {"symmetric", isSymmetric}});
}

const GgufTensor& tensorOf(const GgufFile& file, const std::string& name) {
  for (const GgufTensor& tensor : file.tensors)
    if (tensor.info.name == name) return tensor;
  qFatal("no such tensor");
}

constexpr const char* kUp = "model.layers.0.mlp.up_proj";

}  // namespace

class TestGgufExporter : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void everyTypeReadsBackAsPromised_data() {
    QTest::addColumn<QString>("type");
    QTest::addColumn<int>("dtype");
    const auto row = [](const char* type, DType dtype) { QTest::newRow(type) << type << static_cast<int>(dtype); };
    row("q8_0", DType::Q8_0);
    row("q4_0", DType::Q4_0);
    row("q4_1", DType::Q4_1);
    row("q5_0", DType::Q5_0);
    row("q5_1", DType::Q5_1);
    row("q2_k", DType::Q2_K);
    row("q3_k", DType::Q3_K);
    row("q4_k", DType::Q4_K);
    row("q5_k", DType::Q5_K);
    row("q6_k", DType::Q6_K);
    row("q4_k_m", DType::Q4_K);
    row("iq4_nl", DType::IQ4_NL);
    row("mxfp4", DType::MXFP4);
    row("f16", DType::F16);
    row("bf16", DType::BF16);
  }

  // Types that don't hold the run's scheme round the original weights anew, with their own encoder.
  void everyTypeReadsBackAsPromised() {
    QFETCH(QString, type);
    QFETCH(int, dtype);
    Exported e;
    e.make();
    e.request.settings = rtn(4, 128, false);
    e.run(ofType(type.toStdString()));
    const GgufFile file = readGgufFile(e.out());
    const GgufTensor& up = tensorOf(file, "blk.0.ffn_up.weight");
    QCOMPARE(static_cast<int>(up.info.dtype), dtype);
    QCOMPARE(e.result.tensors, std::uint64_t{11});
    const bool isFloat = type.endsWith("f16");
    QCOMPARE(e.result.remade.size(), std::size_t{7});
    for (const LayerReportPtr& remade : e.result.remade)
      if (remade->name == kUp) QCOMPARE(remade->quantizedBytes, std::uint64_t{up.bytes.size()});
    if (isFloat) return;
    const Matrix weights = e.original(kUp);
    std::vector<std::byte> expected(up.bytes.size());
    encodeBlocks(up.info.dtype, weights.values(), {}, expected);
    QVERIFY(std::equal(expected.begin(), expected.end(), up.bytes.begin()));
  }

  void schemesAreWrittenAsTheyAre_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("groupSize");
    QTest::addColumn<int>("dtype");
    QTest::newRow("4 bits, groups of 32") << 4 << 32 << static_cast<int>(DType::Q4_0);
    QTest::newRow("5 bits, groups of 32") << 5 << 32 << static_cast<int>(DType::Q5_0);
    QTest::newRow("8 bits, groups of 32") << 8 << 32 << static_cast<int>(DType::Q8_0);
    QTest::newRow("4 bits, groups of 128: the scale is repeated") << 4 << 128 << static_cast<int>(DType::Q4_0);
    QTest::newRow("8 bits per channel: the scale is repeated") << 8 << -1 << static_cast<int>(DType::Q8_0);
  }

  // Decoded by hand after the formats' specifications, against the run's codes and scales.
  void schemesAreWrittenAsTheyAre() {
    QFETCH(int, bits);
    QFETCH(int, groupSize);
    QFETCH(int, dtype);
    Exported e;
    e.make();
    e.request.settings = rtn(bits, groupSize, true);
    e.run();
    const GgufFile file = readGgufFile(e.out());
    const GgufTensor& up = tensorOf(file, "blk.0.ffn_up.weight");
    QCOMPARE(static_cast<int>(up.info.dtype), dtype);
    QCOMPARE(e.result.remade.empty(), groupSize == 32);  // repeated scales take room
    for (const LayerReportPtr& remade : e.result.remade)
      if (remade->name == kUp) QCOMPARE(remade->quantizedBytes, std::uint64_t{up.bytes.size()});
    const QuantizedTensor layer = *e.store->loadTensor(kUp);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(up.bytes.data());
    const std::size_t width = bits == 4 ? 18 : bits == 5 ? 22 : 34;
    for (std::size_t r = 0; r < layer.rows; ++r)
      for (std::size_t c = 0; c < layer.cols; ++c) {
        const std::uint8_t* block = bytes + (r * layer.cols + c) / 32 * width;
        const std::size_t j = c % 32;
        std::uint16_t d = 0;
        std::memcpy(&d, block, 2);
        QCOMPARE(halfToFloat(d), layer.scales[layer.unit(r, c)]);
        const std::uint8_t* nibbles = block + (bits == 5 ? 6 : 2);
        const int nibble = j < 16 ? nibbles[j % 16] & 15 : nibbles[j % 16] >> 4;
        std::uint32_t high = 0;
        std::memcpy(&high, block + 2, 4);
        const int code = bits == 8   ? static_cast<std::int8_t>(block[2 + j])
                         : bits == 4 ? nibble - 8
                                     : nibble + static_cast<int>((high >> j) & 1U) * 16 - 16;
        QCOMPARE(code, layer.code(r, c));
      }
  }

  void mxfp4KeepsItsCodesToo() {
    Exported e;
    e.make();
    e.request.method = "mxfp4";
    e.run();
    QVERIFY(e.result.remade.empty());
    const GgufFile file = readGgufFile(e.out());
    const GgufTensor& up = tensorOf(file, "blk.0.ffn_up.weight");
    const QuantizedTensor layer = *e.store->loadTensor(kUp);
    const auto* block = reinterpret_cast<const std::uint8_t*>(up.bytes.data());
    QCOMPARE(std::ldexp(1.0F, block[0] - 127), layer.scales[0]);
    for (std::size_t j = 0; j < 16; ++j)
      QCOMPARE(static_cast<int>(block[1 + j]), layer.codes[j] + 16 * layer.codes[j + 16]);
  }

  // New row 2i of a head is old row i, and 2i + 1 is i + D/2; llama only.
  void rotaryRowsAreInterleavedForLlamaOnly_data() {
    QTest::addColumn<QString>("family");
    QTest::addColumn<bool>("isPermuted");
    QTest::newRow("llama") << "llama" << true;
    QTest::newRow("mistral goes by llama's name") << "mistral" << true;
    QTest::newRow("gemma") << "gemma" << false;
  }

  void rotaryRowsAreInterleavedForLlamaOnly() {
    QFETCH(QString, family);
    QFETCH(bool, isPermuted);
    Exported e;
    e.make(family.toStdString());
    e.request.layers.include = {kUp};
    e.run(ofType("q8_0"));
    const GgufFile file = readGgufFile(e.out());
    for (const auto& [gguf, name, heads] :
         {std::tuple("attn_q", "q_proj", kHeads), std::tuple("attn_k", "k_proj", kHeads / 2)}) {
      const Matrix weights = e.original(std::string("model.layers.0.self_attn.") + name);
      const GgufTensor& stored = tensorOf(file, std::string("blk.0.") + gguf + ".weight");
      const std::size_t head = weights.rows() / heads;
      for (std::size_t r = 0; r < weights.rows(); ++r) {
        const std::size_t i = r % head;
        const std::size_t from = isPermuted ? r - i + i / 2 + i % 2 * (head / 2) : r;
        QVERIFY(std::memcmp(stored.bytes.data() + r * kHidden * 4, weights.row(from).data(), kHidden * 4) == 0);
      }
    }
  }

  void gemmasNormsAreStoredPlusOne() {
    Exported e;
    e.make("gemma");
    e.request.layers.include = {kUp};
    e.run(ofType("q8_0"));
    const GgufFile file = readGgufFile(e.out());
    const GgufTensor& stored = tensorOf(file, "output_norm.weight");
    std::vector<float> values(kHidden);
    std::memcpy(values.data(), stored.bytes.data(), stored.bytes.size());
    const Matrix norm = e.model->load(e.model->require("model.norm.weight"));
    for (std::size_t i = 0; i < kHidden; ++i) QCOMPARE(values[i], norm(0, i) + 1.0F);
  }

  void metadataHasTheTypesThatLoadersAskFor() {
    Exported e;
    e.make();
    e.request.settings = rtn(8, 32, true);
    e.run();
    const GgufFile file = readGgufFile(e.out());
    const auto& values = file.metadata->values();
    QCOMPARE(*file.metadata->text("general.architecture"), std::string("llama"));
    for (const char* key : {"general.quantization_version", "general.file_type", "llama.context_length",
                            "llama.embedding_length", "llama.block_count", "llama.feed_forward_length",
                            "llama.attention.head_count", "llama.attention.head_count_kv", "llama.vocab_size",
                            "llama.rope.dimension_count", "tokenizer.ggml.bos_token_id"}) {
      QVERIFY2(values.contains(key), key);
      QVERIFY2(values.at(key).type == GgufType::U32, key);
    }
    for (const char* key : {"llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base"})
      QVERIFY2(values.at(key).type == GgufType::F32, key);
    QCOMPARE(*file.metadata->integer("general.file_type"), std::int64_t{7});
    QCOMPARE(*file.metadata->integer("general.quantization_version"), std::int64_t{2});
    QCOMPARE(values.at("tokenizer.ggml.tokens").count, std::uint64_t{kVocabulary});
    QCOMPARE(values.at("tokenizer.ggml.token_type").count, std::uint64_t{kVocabulary});
    QCOMPARE(*file.metadata->text("tokenizer.ggml.model"), std::string("gpt2"));
    QCOMPARE(*file.metadata->text("tokenizer.ggml.pre"), std::string("gpt-2"));
    for (const GgufTensor& tensor : file.tensors)
      if (tensor.info.shape.size() == 1) QVERIFY(tensor.info.dtype == DType::F32);
  }

  void numbersInTheMetadataKnowNoLocale() {
    Exported e;
    e.make();
    e.request.settings = rtn(8, 32, true);
    const CommaLocale locale;
    if (!locale.isSet()) QSKIP("the machine can't make a locale with decimal commas");
    e.run();
    const std::string label = readGgufFile(e.out()).metadata->text("general.size_label").value();
    QVERIFY2(QRegularExpression(R"(^\d(\.\d|\d+)[KMB]$)").match(QString::fromStdString(label)).hasMatch(),
             label.c_str());
  }

  void withoutRoomThereIsAClearErrorAndNothingStays() {
    Exported e;
    e.make();
    e.request.settings = rtn(8, 32, true);
    e.run();
    fs::remove(e.out());
    QString fault;
    try {
      const FileSizeLimit full(65536);
      (void)requireExporter("gguf").write({*e.model, e.request, e.report, *e.store}, {.path = e.out()}, {});
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Failed) fault = error.what();
    }
    QVERIFY2(fault.startsWith(QString::fromStdString(e.out().string())) && fault.contains("can't be written"),
             qPrintable(fault));
    for (const auto& entry : fs::directory_iterator(e.folder.path()))
      QVERIFY2(entry.path().filename().string().find("out") == std::string::npos, entry.path().c_str());
  }

  // Partial rotary, biases everywhere and a head with one; names and keys as llama.cpp has them.
  void phi2GoesOutAndComesBack() {
    const OpenedModel original(dataFolder() / "model_golden" / "phi");
    Exported e;
    e.model = original.model;
    e.request.settings = rtn(8, 32, true);
    e.request.scaleType = ScaleType::F16;
    e.run();
    const GgufFile file = readGgufFile(e.out());
    QCOMPARE(*file.metadata->text("general.architecture"), std::string("phi2"));
    QCOMPARE(*file.metadata->integer("phi2.rope.dimension_count"), std::int64_t{4});  // half of a head of 8
    QVERIFY(file.metadata->values().contains("phi2.attention.layer_norm_epsilon"));
    for (const char* name : {"blk.1.attn_q.bias", "blk.1.attn_output.weight", "blk.1.ffn_up.bias",
                             "blk.1.ffn_down.weight", "output_norm.bias", "output.bias"})
      QVERIFY(!tensorOf(file, name).bytes.empty());
    const OpenedModel back(e.out());
    std::vector<int> ids;
    for (int i = 0; i < 64; ++i) ids.push_back((i * i + 3 * i) % 37);
    ReferenceRun reference(original.runner);
    const Evaluation result =
        evaluate(back.runner, cutWindows(ids, original.spec, std::nullopt, {.window = 32}, "ids"), &reference, {});
    constexpr double kLeftBy8Bits = 1e-3;
    QVERIFY(result.reference->meanDivergence < kLeftBy8Bits);
  }

  void theTokenizerCutsTextsAsBefore() {
    Exported e;
    e.make();
    e.request.settings = rtn(8, 32, true);
    e.run();
    const std::string text = "abc ab cab abcd";
    QCOMPARE(loadTokenizer(*openCheckpoint(e.out()))->encode(text), loadTokenizer(*e.model)->encode(text));
  }

  void rowsThatAreNoWholeBlocksFallBack() {
    Exported e;
    e.make("llama", 288);  // a multiple of 32, not of 256
    e.run(ofType("q4_k"));
    QVERIFY(tensorOf(readGgufFile(e.out()), "blk.0.ffn_down.weight").info.dtype == DType::Q5_0);
    Exported odd;
    odd.make("llama", 40);
    odd.run(ofType("q8_0"));
    const GgufFile oddFile = readGgufFile(odd.out());
    const GgufTensor& down = tensorOf(oddFile, "blk.0.ffn_down.weight");
    QVERIFY(down.info.dtype == DType::F16);
    const Matrix original = odd.original("model.layers.0.mlp.down_proj");
    for (std::size_t i = 0; i < original.values().size(); ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, down.bytes.data() + 2 * i, 2);
      QCOMPARE(half, floatToHalf(original.values()[i]));
    }
    QVERIFY(tensorOf(readGgufFile(odd.out()), "blk.0.ffn_up.weight").info.dtype == DType::Q8_0);
  }

  void whatNoTypeHoldsIsRefusedWithTheNearest_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<int>("bits");
    QTest::addColumn<QString>("nearest");
    QTest::newRow("asymmetric 4 bits") << "rtn" << 4 << "q4_1, q4_k";
    QTest::newRow("asymmetric 2 bits") << "rtn" << 2 << "q2_k";
    QTest::newRow("NF4") << "nf4" << 0 << "iq4_nl";
    QTest::newRow("W8A8") << "int8-dynamic" << 0 << "compressed-tensors";
  }

  void whatNoTypeHoldsIsRefusedWithTheNearest() {
    QFETCH(QString, method);
    QFETCH(int, bits);
    QFETCH(QString, nearest);
    Exported e;
    e.make();
    e.request.method = method.toStdString();
    if (bits > 0) e.request.settings = rtn(bits, 32, false);
    try {
      e.run();
      QFAIL("exported");
    } catch (const Error& error) {
      QVERIFY(error.kind() == ErrorKind::Request);
      QVERIFY2(QString(error.what()).contains(nearest), error.what());
    }
    QVERIFY(!fs::exists(e.out()));
  }

  void theFileDoesNotDependOnTheThreads() {
    Exported e;
    e.make();
    e.run(ofType("q4_k"));
    const std::string once = readFile(e.out());
    ExportOptions options = ofType("q4_k");
    options.path = e.out();
    options.replace = true;
    (void)requireExporter("gguf").write({*e.model, e.request, e.report, *e.store}, options, {.threads = 1});
    QVERIFY(readFile(e.out()) == once);
  }
};

QTEST_APPLESS_MAIN(TestGgufExporter)
#include "tst_gguf_exporter.moc"
