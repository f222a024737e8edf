#include <QtTest>

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "core/io/formats/safetensors_reader.h"
#include "core/io/reader_registry.h"
#include "core/session/run_quantization.h"
#include "tests/support/exported_folder.h"
#include "tests/support/file_size_limit.h"

using namespace qs;
using namespace qs::test;

namespace {

namespace fs = std::filesystem;

const WeightsFile& rawFile(const fs::path& path) {
  static WeightsFile file;
  file = readSafetensorsFile(path);
  return file;
}

std::vector<std::int32_t> rawWords(const fs::path& path, const std::string& name) {
  for (const CheckpointTensor& tensor : rawFile(path).tensors) {
    if (tensor.info.name != name) continue;
    std::vector<std::int32_t> words(tensor.info.bytes / 4);
    std::memcpy(words.data(), tensor.source->stored()->bytes.data(), tensor.info.bytes);
    return words;
  }
  return {};
}

}  // namespace

class TestModelFolderExporters : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void everyLegalSchemeReadsBackWithoutDifference_data() {
    QTest::addColumn<QString>("format");
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("groupSize");
    QTest::addColumn<bool>("isSymmetric");
    const auto row = [](const char* format, int bits, int groupSize, bool isSymmetric) {
      QTest::addRow("%s, %d bits, groups of %d, %s", format, bits, groupSize, isSymmetric ? "symmetric" : "asymmetric")
          << format << bits << groupSize << isSymmetric;
    };
    for (const bool isSymmetric : {false, true})
      for (const int groupSize : {-1, 32, 64}) {
        for (const int bits : {2, 3, 4, 8}) row("gptq", bits, groupSize, isSymmetric);
        row("awq", 4, groupSize, isSymmetric);
        for (const int bits : {2, 3, 4, 5, 6, 7, 8}) row("compressed-tensors", bits, groupSize, isSymmetric);
      }
  }

  void everyLegalSchemeReadsBackWithoutDifference() {
    QFETCH(QString, format);
    QFETCH(int, bits);
    QFETCH(int, groupSize);
    QFETCH(bool, isSymmetric);
    Exported e;
    e.make(64, 192);
    e.request.settings = rtn(bits, groupSize, isSymmetric);
    e.run();
    e.write(format.toStdString());
    const auto out = openCheckpoint(e.folder.path() / "out");
    for (const char* layer : {kUp, kDown}) {
      const CheckpointTensor& tensor = out->require(std::string(layer) + ".weight");
      QVERIFY(out->load(tensor) == dequantize(*e.store->loadTensor(layer)));
    }
    QVERIFY(out->load(out->require(kNorm)) == e.model->load(e.model->require(kNorm)));
    QCOMPARE(out->tensors().size(), e.model->tensors().size());
    QCOMPARE(readFile(e.folder.path() / "out" / "tokenizer.json"), std::string("{}"));
  }

  void aSymmetricGptqStoresSevensAsZeroPoints() {
    Exported e;
    e.make(32, 64);
    e.request.settings = rtn(4, 32, true);
    e.run();
    e.write("gptq");
    const nlohmann::json config = e.quantization();
    QCOMPARE(config.at("checkpoint_format").get<std::string>(), std::string("gptq"));
    QCOMPARE(config.at("sym").get<bool>(), true);
    QCOMPARE(config.at("group_size").get<int>(), 32);
    QCOMPARE(nlohmann::json::parse(readFile(e.folder.path() / "out" / "quantize_config.json")), config);
    const auto words = rawWords(e.folder.path() / "out" / "model.safetensors", std::string(kUp) + ".qzeros");
    QCOMPARE(words, std::vector<std::int32_t>(words.size(), 0x77777777));
    QVERIFY(!words.empty());
  }

  void aGptqConfigurationTellsHowTheCodesWereFound() {
    Exported e;
    e.make(32, 64);
    writeRandomTensors(
        e.folder.path() / "inputs.safetensors",
        {{std::string(kUp) + ".input", DType::F32, {128, 64}}, {std::string(kDown) + ".input", DType::F32, {128, 32}}},
        8, 1.0F);
    e.request.calibration.activationsFile = e.folder.path() / "inputs.safetensors";
    e.request.method = "gptq";
    e.request.settings = rtn(4, 32, true);
    e.request.settings.set("damping", 0.05);
    e.run();
    e.write("gptq");
    const nlohmann::json config = e.quantization();
    QCOMPARE(config.at("damp_percent").get<double>(), 0.05);
    QCOMPARE(config.at("static_groups").get<bool>(), true);
    QCOMPARE(config.at("true_sequential").get<bool>(), false);
  }

  void versionTwoStoresTheZeroPointItself() {
    Exported e;
    e.make(32, 64);
    e.request.settings = rtn(4, 32, true);
    e.run();
    e.write("gptq", {.extra = {{"gptq_version", "v2"}}});
    QCOMPARE(e.quantization().at("checkpoint_format").get<std::string>(), std::string("gptq_v2"));
    const auto words = rawWords(e.folder.path() / "out" / "model.safetensors", std::string(kUp) + ".qzeros");
    QCOMPARE(words, std::vector<std::int32_t>(words.size(), static_cast<std::int32_t>(0x88888888U)));
  }

  void layersThatWereNotQuantizedAreNamed() {
    Exported e;
    e.make(64, 64);
    e.request.settings = rtn(4, 32, true);
    e.request.layers.exclude = {"*down_proj"};
    e.run();
    e.write("compressed-tensors");
    QCOMPARE(e.quantization().at("ignore"), nlohmann::json({kDown, "lm_head"}));  // its head is tied
    QCOMPARE(e.quantization().at("format").get<std::string>(), std::string("pack-quantized"));
    const auto out = openCheckpoint(e.folder.path() / "out");
    const std::string untouched = std::string(kDown) + ".weight";
    QVERIFY(out->require(untouched).info.dtype == DType::F32);
    QVERIFY(out->load(out->require(untouched)) == e.model->load(e.model->require(untouched)));
  }

  void aLargeModelIsCutIntoShardsWithAnIndex() {
    Exported e;
    e.make(64, 192);
    e.request.settings = rtn(4, 64, false);
    e.run();
    e.write("awq", {.shardBytes = 8000});
    QVERIFY(!fs::exists(e.folder.path() / "out" / "model.safetensors"));
    QVERIFY(fs::exists(e.folder.path() / "out" / "model-00001-of-00002.safetensors"));
    const auto index = nlohmann::json::parse(readFile(e.folder.path() / "out" / "model.safetensors.index.json"));
    QCOMPARE(index.at("weight_map").size(), std::size_t{7});
    QCOMPARE(openCheckpoint(e.folder.path() / "out")->tensors().size(), std::size_t{3});
  }

  void int8ReadsBackToo() {
    Exported e;
    e.make(64, 64);
    e.request.method = "int8-dynamic";
    e.run();
    e.write("compressed-tensors");
    const nlohmann::json group = e.quantization().at("config_groups").at("group_0");
    QCOMPARE(e.quantization().at("format").get<std::string>(), std::string("int-quantized"));
    QCOMPARE(group.at("input_activations").at("dynamic").get<bool>(), true);
    QCOMPARE(group.at("input_activations").at("strategy").get<std::string>(), std::string("token"));
    QCOMPARE(group.at("weights").at("strategy").get<std::string>(), std::string("channel"));
  }

  void fp8ReadsBackToo() {
    Exported e;
    e.make(64, 64);
    e.request.method = "fp8-e4m3";
    e.run();
    e.write("compressed-tensors");
    QCOMPARE(e.quantization().at("format").get<std::string>(), std::string("float-quantized"));
  }

  void whatTheFormatCannotHoldIsSaidBeforehand_data() {
    QTest::addColumn<QString>("format");
    QTest::addColumn<QString>("method");
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("groupSize");
    QTest::addColumn<int>("rows");
    QTest::addColumn<QString>("reason");
    QTest::newRow("5 bits as GPTQ") << "gptq"
                                    << "rtn" << 5 << 32 << 64 << "2, 3, 4 or 8 bits";
    QTest::newRow("odd outputs as GPTQ") << "gptq"
                                         << "rtn" << 4 << 32 << 40 << "multiples of 32";
    QTest::newRow("groups that don't divide") << "gptq"
                                              << "rtn" << 4 << 48 << 64 << "group size";
    QTest::newRow("3 bits as AWQ") << "awq"
                                   << "rtn" << 3 << 32 << 64 << "4 bits";
    QTest::newRow("outputs that 8 doesn't divide as AWQ") << "awq"
                                                          << "rtn" << 4 << 4 << 36 << "multiples of 8";
    QTest::newRow("NF4 as GPTQ") << "gptq"
                                 << "nf4" << 0 << 0 << 64 << "integer codes";
    QTest::newRow("HQQ as AWQ") << "awq"
                                << "hqq" << 0 << 0 << 64 << "integer zero points";
    QTest::newRow("W8A8 as GPTQ") << "gptq"
                                  << "int8-dynamic" << 0 << 0 << 64 << "compressed-tensors";
    QTest::newRow("NF4 as compressed-tensors") << "compressed-tensors"
                                               << "nf4" << 0 << 0 << 64 << "integer codes";
  }

  void whatTheFormatCannotHoldIsSaidBeforehand() {
    QFETCH(QString, format);
    QFETCH(QString, method);
    QFETCH(int, bits);
    QFETCH(int, groupSize);
    QFETCH(int, rows);
    QFETCH(QString, reason);
    Exported e;
    e.make(static_cast<std::uint64_t>(rows), 64);
    e.request.method = method.toStdString();
    if (bits > 0) e.request.settings = rtn(bits, groupSize, false);
    try {
      requireExportable(requireExporter(format.toStdString()), *e.model, e.request, {.path = e.folder.path() / "out"});
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY(error.kind() == ErrorKind::Request);
      QVERIFY2(QString(error.what()).contains(reason), error.what());
    }
  }

  void gptqVersionOneIsForSymmetricLayers() {
    Exported e;
    e.make(64, 64);
    const ExporterInfo& exporter = requireExporter("gptq");
    const ExportOptions options{.path = e.folder.path() / "out", .extra = {{"gptq_version", "v1"}}};
    e.request.settings = rtn(4, 32, true);
    requireExportable(exporter, *e.model, e.request, options);
    e.request.settings = rtn(4, 32, false);
    try {
      requireExportable(exporter, *e.model, e.request, options);
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY(error.kind() == ErrorKind::Request);
      QVERIFY2(QString(error.what()).contains("zero point of 0"), error.what());
    }
  }

  void scalesInF32AndAModelWithoutConfigurationAreRefused() {
    Exported e;
    e.make(64, 64);
    e.request.scaleType = ScaleType::F32;
    const ExporterInfo& exporter = requireExporter("gptq");
    const ExportOptions options{.path = e.folder.path() / "out"};
    QVERIFY(!exporter.preflight(*e.model, e.request, options).empty());
    fs::remove(e.folder.path() / "in" / "config.json");
    e.request.scaleType = ScaleType::F16;
    const auto bare = openCheckpoint(e.folder.path() / "in");
    QVERIFY(!exporter.preflight(*bare, e.request, options).empty());
  }

  // Its loaders keep scales in the model's own type: rounded there again they would fit the codes no longer.
  void aBf16ModelsCompressedScalesAreBf16() {
    Exported e;
    e.make(64, 64, DType::BF16);
    const ExporterInfo& exporter = requireExporter("compressed-tensors");
    QVERIFY(scaleTypeFor(exporter, *e.model) == ScaleType::BF16);
    QVERIFY(scaleTypeFor(requireExporter("gptq"), *e.model) == ScaleType::F16);
    e.request.settings = rtn(4, 32, true);
    e.request.scaleType = ScaleType::BF16;
    e.run();
    e.write("compressed-tensors");
    const WeightsFile& file = rawFile(e.folder.path() / "out" / "model.safetensors");
    const auto scales = std::ranges::find(file.tensors, std::string(kUp) + ".weight_scale",
                                          [](const CheckpointTensor& tensor) { return tensor.info.name; });
    QVERIFY(scales != file.tensors.end());
    QCOMPARE(scales->info.dtype, DType::BF16);
    std::vector<float> values(scales->info.elements);
    scales->source->read(0, values);
    QVERIFY(values == e.store->loadTensor(kUp)->scales);
    QVERIFY(!requireExporter("gptq").preflight(*e.model, e.request, {.path = e.folder.path() / "out2"}).empty());
    e.request.scaleType = ScaleType::F16;
    const auto findings = exporter.preflight(*e.model, e.request, {.path = e.folder.path() / "out2"});
    QVERIFY(std::ranges::any_of(findings, [](const PreflightFinding& finding) {
      return !finding.blocking && finding.message.find("round them to BF16") != std::string::npos;
    }));
  }

  void inputsThatNoLoaderTakesAreAdvisedAgainst() {
    Exported e;
    e.make(64, 128);
    e.request.method = "int8-dynamic";
    const auto advice = [&e](const char* activation) {
      e.request.settings = Settings({{"activation", std::string(activation)}});
      std::string text;
      for (const PreflightFinding& finding : requireExporter("compressed-tensors").preflight(*e.model, e.request, {}))
        text += finding.message;
      return text;
    };
    QCOMPARE(advice("per-token"), std::string());
    QCOMPARE(advice("per-tensor"), std::string("vLLM takes dynamic input scales per token only, not per tensor"));
  }

  void layersWithOtherSettingsAreNamedInTheConfiguration() {
    Exported e;
    e.make(64, 64);
    e.request.settings = rtn(4, 32, true);
    e.request.overrides = {{.glob = "*down_proj", .settings = Settings({{"bits", std::int64_t{8}}})}};
    e.run();
    e.write("gptq");
    const auto rules = e.quantization().at("dynamic");
    QCOMPARE(rules.size(), std::size_t{1});
    QVERIFY(rules.begin().key() == "+:^model\\.layers\\.0\\.mlp\\.down_proj$" ||
            rules.begin().key() == "+:^model\\.layers\\.0\\.mlp\\.up_proj$");
    QCOMPARE(rules.begin().value().at("bits").get<int>() + e.quantization().at("bits").get<int>(), 12);
    e.write("compressed-tensors", {.replace = true});
    QCOMPARE(e.quantization().at("config_groups").size(), std::size_t{2});
    QCOMPARE(e.quantization().at("config_groups").at("group_1").at("weights").at("num_bits").get<int>() +
                 e.quantization().at("config_groups").at("group_0").at("weights").at("num_bits").get<int>(),
             12);
  }

  void gptqSkipsWhatWasNotQuantized() {
    Exported e;
    e.make(64, 64);
    e.request.settings = rtn(4, 32, true);
    e.request.layers.exclude = {"*down_proj"};
    e.run();
    e.write("gptq");
    QVERIFY(e.quantization().at("dynamic").contains("-:^model\\.layers\\.0\\.mlp\\.down_proj$"));
  }

  void loadersThatWillNotTakeItAreNamedBeforehand() {
    Exported e;
    e.make(64, 64);
    e.request.settings = rtn(4, 16, false);
    const auto findings = requireExporter("gptq").preflight(*e.model, e.request, {});
    QVERIFY(std::none_of(findings.begin(), findings.end(), [](const auto& finding) { return finding.blocking; }));
    QString all;
    for (const PreflightFinding& finding : findings) all += QString::fromStdString(finding.message) + "\n";
    QVERIFY2(all.contains("symmetric") && all.contains("groups of 32, 64 or 128"), qPrintable(all));
    e.request.settings = rtn(4, 32, true);
    e.request.layers.exclude = {"*up_proj"};
    QVERIFY(requireExporter("compressed-tensors").preflight(*e.model, e.request, {}).size() <= 2);
  }

  void withoutRoomThereIsAClearErrorAndNothingStays() {
    Exported e;
    e.make(64, 64);
    e.request.settings = rtn(4, 32, true);
    e.run();
    for (const char* format : {"gptq", "awq", "compressed-tensors", "safetensors", "dequantized"}) {
      QString fault;
      try {
        const FileSizeLimit full(4096);
        (void)requireExporter(format).write({*e.model, e.request, e.report, *e.store},
                                            {.path = e.folder.path() / "full"}, {});
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::Failed) fault = error.what();
      }
      QVERIFY2(fault.contains("can't be written"), qPrintable(fault));
      QVERIFY2(fault.startsWith(QString::fromStdString((e.folder.path() / "full").string())), qPrintable(fault));
      for (const auto& entry : fs::directory_iterator(e.folder.path()))
        QVERIFY2(entry.path().filename().string().find("full") == std::string::npos, entry.path().c_str());
    }
  }

  void aCancelledExportLeavesNothing() {
    Exported e;
    e.make(64, 64);
    e.request.settings = rtn(4, 32, true);
    e.run();
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_EXCEPTION_THROWN(
        requireExporter("gptq").write({*e.model, e.request, e.report, *e.store}, {.path = e.folder.path() / "out"},
                                      {.stop = stop.get_token()}),
        Cancelled);
    QVERIFY(!fs::exists(e.folder.path() / "out"));
  }
};

QTEST_APPLESS_MAIN(TestModelFolderExporters)
#include "tst_model_folder_exporters.moc"
