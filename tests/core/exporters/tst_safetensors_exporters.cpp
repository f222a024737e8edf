#include <QtTest>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "core/io/formats/safetensors_reader.h"
#include "core/io/reader_registry.h"
#include "core/session/run_quantization.h"
#include "core/tensor/half.h"
#include "tests/support/random_tensors.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kRows = 6;
constexpr std::uint64_t kCols = 40;

// Two linears, a norm and an embedding; one linear has a group shorter than the others.
std::shared_ptr<const Checkpoint> makeModel(const TempFolder& folder) {
  const std::vector<PlannedTensor> plan{{"model.layers.0.mlp.up_proj.weight", DType::F32, {kRows, kCols}},
                                        {"model.layers.0.mlp.down_proj.weight", DType::F32, {kCols, kRows}},
                                        {"model.norm.weight", DType::F32, {kCols}},
                                        {"model.embed_tokens.weight", DType::F32, {5, kCols}}};
  writeRandomTensors(folder.path() / "original.safetensors", plan, 3, 1.0F);
  return openCheckpoint(folder.path() / "original.safetensors");
}

struct FinishedRun {
  QuantRequest request;
  RunStore store;
  QuantReport report;
};

FinishedRun runRtn(const TempFolder& folder, const Checkpoint& model, bool isSymmetric,
                   const std::string& exclude = {}) {
  QuantRequest request;
  request.settings =
      Settings({{"bits", std::int64_t{4}}, {"group_size", std::int64_t{16}}, {"symmetric", isSymmetric}});
  if (!exclude.empty()) request.layers.exclude = {exclude};
  RunStore store(folder.path() / "runs", model, request);
  QuantReport report = runQuantization(model, request, store, {});
  return {request, store, report};
}

// The written tensors as they are stored.
std::shared_ptr<const Checkpoint> exportAs(const std::string& format, const fs::path& path, const Checkpoint& model,
                                           const FinishedRun& run, const RunContext& context = {}) {
  requireExporter(format).write({model, run.request, run.report, run.store}, {.path = path}, context);
  WeightsFile file = readSafetensorsFile(path);
  return std::make_shared<const Checkpoint>(
      Checkpoint::Contents{.path = path, .tensors = std::move(file.tensors), .metadata = std::move(file.metadata)});
}

std::string storedBytes(const Checkpoint& model, std::string_view tensor) {
  const auto bytes = model.require(tensor).source->stored()->bytes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

class TestSafetensorsExporters : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void codesScalesAndZeroPointsGiveTheWeights_data() {
    QTest::addColumn<bool>("isSymmetric");
    QTest::newRow("asymmetric") << false;
    QTest::newRow("symmetric") << true;
  }

  void codesScalesAndZeroPointsGiveTheWeights() {
    QFETCH(bool, isSymmetric);
    const TempFolder folder;
    const auto model = makeModel(folder);
    const FinishedRun run = runRtn(folder, *model, isSymmetric);
    const auto out = exportAs("safetensors", folder.path() / "out.safetensors", *model, run);
    const std::string layer = "model.layers.0.mlp.up_proj";
    const Matrix codes = out->load(out->require(layer + ".codes"));
    const Matrix scales = out->load(out->require(layer + ".scales"));
    QVERIFY(out->require(layer + ".codes").info.dtype == (isSymmetric ? DType::I8 : DType::U8));
    QCOMPARE(out->require(layer + ".scales").info.shape, (Shape{kRows, 3}));
    QCOMPARE(out->find(layer + ".zero_points") == nullptr, isSymmetric);
    const Matrix zeros = isSymmetric ? Matrix(kRows, 3) : out->load(out->require(layer + ".zero_points"));
    const Matrix weights = model->load(model->require(layer + ".weight"));
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t c = 0; c < kCols; ++c) {
        const float value = (codes(r, c) - zeros(r, c / 16)) * scales(r, c / 16);
        // Half a step, and rounding of the F32 arithmetic.
        QVERIFY(std::abs(value - weights(r, c)) <= 0.5001F * scales(r, c / 16));
      }
    QCOMPARE(out->find(layer + ".weight"), nullptr);
    QCOMPARE(storedBytes(*out, "model.norm.weight"), storedBytes(*model, "model.norm.weight"));
    QCOMPARE(storedBytes(*out, "model.embed_tokens.weight"), storedBytes(*model, "model.embed_tokens.weight"));
    const auto settings = nlohmann::json::parse(out->contents().metadata.at("settings"));
    QCOMPARE(settings.at("group_size").get<int>(), 16);
    QCOMPARE(out->contents().metadata.at("format"), std::string("pt"));
  }

  void aFileOfCodesOpensAsTheWeightsThatItHolds_data() {
    QTest::addColumn<QString>("method");
    for (const char* method : {"rtn", "hqq", "nf4", "int8-dynamic", "mxfp4", "fp8-e4m3"})
      QTest::newRow(method) << QString(method);
  }

  void aFileOfCodesOpensAsTheWeightsThatItHolds() {
    QFETCH(QString, method);
    const TempFolder folder;
    const auto model = makeModel(folder);
    QuantRequest request{.method = method.toStdString()};
    RunStore store(folder.path() / "runs", *model, request);
    const FinishedRun run{request, store, runQuantization(*model, request, store, {})};
    const fs::path path = folder.path() / "out.safetensors";
    (void)exportAs("safetensors", path, *model, run);
    const auto opened = openCheckpoint(path);
    QCOMPARE(opened->tensors().size(), model->tensors().size());
    for (const CheckpointTensor& tensor : model->tensors())
      QCOMPARE(opened->require(tensor.info.name).info.shape, tensor.info.shape);
    const std::string up = "model.layers.0.mlp.up_proj";
    QVERIFY(opened->load(opened->require(up + ".weight")) == dequantize(*run.store.loadTensor(up)));
    QCOMPARE(opened->require(up + ".weight").info.storedScheme,
             "codes of " + std::to_string(run.store.loadTensor(up)->scheme.bits) + " bits");
  }

  void dequantizedWeightsStandUnderTheOriginalNames() {
    const TempFolder folder;
    const auto model = makeModel(folder);
    const FinishedRun run = runRtn(folder, *model, false, "*down_proj");
    const auto out = exportAs("dequantized", folder.path() / "out.safetensors", *model, run);
    QCOMPARE(out->tensors().size(), model->tensors().size());
    const std::string up = "model.layers.0.mlp.up_proj";
    QCOMPARE(out->load(out->require(up + ".weight")), dequantize(*run.store.loadTensor(up)));
    const std::string untouched = "model.layers.0.mlp.down_proj.weight";
    QCOMPARE(storedBytes(*out, untouched), storedBytes(*model, untouched));
  }

  void dequantizedWeightsOfSixteenBitsAreRoundedOnceMore_data() {
    QTest::addColumn<QString>("choice");
    QTest::addColumn<DType>("dtype");
    QTest::newRow("F16") << "f16" << DType::F16;
    QTest::newRow("BF16") << "bf16" << DType::BF16;
  }
  void dequantizedWeightsOfSixteenBitsAreRoundedOnceMore() {
    QFETCH(QString, choice);
    QFETCH(DType, dtype);
    const TempFolder folder;
    const auto model = makeModel(folder);
    const FinishedRun run = runRtn(folder, *model, false);
    const ExporterInfo& exporter = requireExporter("dequantized");
    const ExportOptions options{.path = folder.path() / "out.safetensors", .extra = {{"dtype", choice.toStdString()}}};
    const auto findings = exporter.preflight(*model, run.request, options);
    QCOMPARE(findings.size(), std::size_t{1});
    QVERIFY(!findings[0].blocking && findings[0].message.find(std::string(name(dtype))) != std::string::npos);
    exporter.write({*model, run.request, run.report, run.store}, options, {});
    const auto out = openCheckpoint(options.path);
    const std::string layer = "model.layers.0.mlp.down_proj";
    QVERIFY(out->require(layer + ".weight").info.dtype == dtype);
    Matrix expected = dequantize(*run.store.loadTensor(layer));
    for (float& value : expected.values())
      value = dtype == DType::F16 ? halfToFloat(floatToHalf(value)) : bfloat16ToFloat(floatToBfloat16(value));
    QVERIFY(out->load(out->require(layer + ".weight")) == expected);
  }

  void theFileDoesNotDependOnTheThreads() {
    const TempFolder folder;
    const auto model = makeModel(folder);
    const FinishedRun run = runRtn(folder, *model, false);
    for (const char* format : {"safetensors", "dequantized"}) {
      const std::string base = format;
      (void)exportAs(format, folder.path() / (base + "1.safetensors"), *model, run, {.threads = 1});
      (void)exportAs(format, folder.path() / (base + "8.safetensors"), *model, run, {.threads = 8});
      QCOMPARE(readFile(folder.path() / (base + "1.safetensors")), readFile(folder.path() / (base + "8.safetensors")));
    }
  }

  void aCancelledExportLeavesNothing() {
    const TempFolder folder;
    const auto model = makeModel(folder);
    const FinishedRun run = runRtn(folder, *model, false);
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_EXCEPTION_THROWN(
        (void)exportAs("safetensors", folder.path() / "out.safetensors", *model, run, {.stop = stop.get_token()}),
        Cancelled);
    QVERIFY(!fs::exists(folder.path() / "out.safetensors"));
  }

  void aMissingLayerIsNamed() {
    const TempFolder folder;
    const auto model = makeModel(folder);
    FinishedRun run = runRtn(folder, *model, false);
    run.store.clear();
    try {
      (void)exportAs("safetensors", folder.path() / "out.safetensors", *model, run);
      QFAIL("exported");
    } catch (const Error& error) {
      QVERIFY(std::string(error.what()).find("mlp.") != std::string::npos);
    }
    QVERIFY(!fs::exists(folder.path() / "out.safetensors"));
  }

  void whatCannotBeWrittenIsSaidBeforehand() {
    const TempFolder folder;
    const auto model = makeModel(folder);
    const ExporterInfo& exporter = requireExporter("safetensors");
    QVERIFY_EXCEPTION_THROWN(requireExportable(exporter, *model, {}, {.path = model->path()}), Error);
    QVERIFY_EXCEPTION_THROWN(requireExportable(exporter, *model, {}, {.path = folder.path() / "no" / "x"}), Error);
    fs::copy_file(model->path(), folder.path() / "old.safetensors");
    requireExportable(exporter, *model, {}, {.path = folder.path() / "old.safetensors", .replace = true});
    requireExportable(exporter, *model, {}, {.path = folder.path() / "new.safetensors"});
    QVERIFY_EXCEPTION_THROWN((void)requireExporter("zip"), Error);
  }

  void theOpenedModelIsNeverReplaced_data() {
    QTest::addColumn<QString>("output");
    QTest::addColumn<QString>("reason");
    QTest::newRow("the model") << "models/m"
                               << "is the opened model itself";
    QTest::newRow("the model, with a slash") << "models/m/"
                                             << "is the opened model itself";
    QTest::newRow("a link to the model") << "link"
                                         << "is the opened model itself";
    QTest::newRow("a file of it") << "models/m/model.safetensors"
                                  << "is one of the opened model's files";
    QTest::newRow("a link to a file of it") << "file-link"
                                            << "is one of the opened model's files";
    QTest::newRow("a folder around it") << "models"
                                        << "is a folder that holds the opened model";
    QTest::newRow("another file beside it") << "models/m/other.safetensors"
                                            << "";
    QTest::newRow("another folder") << "others"
                                    << "";
  }
  void theOpenedModelIsNeverReplaced() {
    QFETCH(QString, output);
    QFETCH(QString, reason);
    const TempFolder folder;
    fs::create_directories(folder.path() / "models/m");
    fs::create_directory(folder.path() / "others");
    fs::rename(makeModel(folder)->path(), folder.path() / "models/m/model.safetensors");
    fs::create_directory_symlink(folder.path() / "models/m", folder.path() / "link");
    fs::create_symlink(folder.path() / "models/m/model.safetensors", folder.path() / "file-link");
    const auto model = openCheckpoint(folder.path() / "models/m");
    fs::copy_file(folder.path() / "models/m/model.safetensors", folder.path() / "models/m/other.safetensors");
    std::string told;
    try {
      requireExportable(requireExporter("safetensors"), *model, {},
                        {.path = folder.path() / output.toStdString(), .replace = true});
    } catch (const Error& error) {
      told = error.reason();
    }
    QVERIFY2(reason.isEmpty() ? told.empty() : told.starts_with(reason.toStdString()), told.c_str());
  }
};

QTEST_APPLESS_MAIN(TestSafetensorsExporters)
#include "tst_safetensors_exporters.moc"
