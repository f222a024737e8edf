#include <QtTest>

#include <cmath>
#include <cstring>

#include "core/exporters/exporter_registry.h"
#include "core/io/formats/safetensors_reader.h"
#include "core/model/evaluation/evaluate.h"
#include "core/session/run_quantization.h"
#include "core/session/run_weights.h"
#include "core/session/runnable_model.h"
#include "core/tensor/half.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

constexpr std::size_t kGroup = 64;
constexpr std::size_t kWindow = 64;

// The stored tensors of an export, looked at without our importers.
class StoredLayer {
 public:
  StoredLayer(const WeightsFile& file, std::string layer) : m_file(file), m_layer(std::move(layer)) {}

  [[nodiscard]] bool has(const std::string& suffix) const { return find(suffix) != nullptr; }
  template <typename T>
  [[nodiscard]] std::vector<T> values(const std::string& suffix) const {
    const auto bytes = find(suffix)->source->stored()->bytes;
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  [[nodiscard]] std::vector<float> halves(const std::string& suffix) const {
    std::vector<float> result;
    for (const std::uint16_t bits : values<std::uint16_t>(suffix)) result.push_back(halfToFloat(bits));
    return result;
  }

 private:
  [[nodiscard]] const CheckpointTensor* find(const std::string& suffix) const {
    for (const CheckpointTensor& tensor : m_file.tensors)
      if (tensor.info.name == m_layer + "." + suffix) return &tensor;
    return nullptr;
  }
  const WeightsFile& m_file;
  std::string m_layer;
};

unsigned nibble(std::uint32_t word, std::size_t i) { return word >> (4 * i) & 15U; }

// AWQ GEMM: fields along the outputs, interleaved; true zero points.
void decodeAwq(const StoredLayer& layer, MatrixSpan out) {
  static constexpr std::array<std::size_t, 8> kNibbleOfColumn{0, 4, 1, 5, 2, 6, 3, 7};
  const auto codes = layer.values<std::uint32_t>("qweight");
  const auto zeros = layer.values<std::uint32_t>("qzeros");
  const auto scales = layer.halves("scales");
  for (std::size_t o = 0; o < out.rows; ++o)
    for (std::size_t k = 0; k < out.cols; ++k) {
      const std::size_t at = kNibbleOfColumn[o % 8];
      const unsigned zero = nibble(zeros[k / kGroup * (out.rows / 8) + o / 8], at);
      const auto level = static_cast<int>(nibble(codes[k * (out.rows / 8) + o / 8], at)) - static_cast<int>(zero);
      out(o, k) = static_cast<float>(level) * scales[k / kGroup * out.rows + o];
    }
}

// Section 3, version 2: fields along the inputs; zero points as they are.
void decodeGptq(const StoredLayer& layer, MatrixSpan out) {
  const auto codes = layer.values<std::uint32_t>("qweight");
  const auto zeros = layer.values<std::uint32_t>("qzeros");
  const auto scales = layer.halves("scales");
  for (std::size_t o = 0; o < out.rows; ++o)
    for (std::size_t k = 0; k < out.cols; ++k) {
      const unsigned zero = nibble(zeros[k / kGroup * (out.rows / 8) + o / 8], o % 8);
      const auto level = static_cast<int>(nibble(codes[k / 8 * out.rows + o], k % 8)) - static_cast<int>(zero);
      out(o, k) = static_cast<float>(level) * scales[k / kGroup * out.rows + o];
    }
}

// Section 5: rows of fields along the inputs; zero points along the outputs.
void decodeCompressed(const StoredLayer& layer, MatrixSpan out) {
  const auto codes = layer.values<std::uint32_t>("weight_packed");
  const auto zeros = layer.values<std::uint32_t>("weight_zero_point");
  const auto scales = layer.halves("weight_scale");
  const std::size_t groups = out.cols / kGroup;
  for (std::size_t o = 0; o < out.rows; ++o)
    for (std::size_t k = 0; k < out.cols; ++k) {
      const unsigned zero = nibble(zeros[o / 8 * groups + k / kGroup], o % 8);
      const auto level = static_cast<int>(nibble(codes[o * (out.cols / 8) + k / 8], k % 8)) - static_cast<int>(zero);
      out(o, k) = static_cast<float>(level) * scales[o * groups + k / kGroup];
    }
}

using Decode = void (*)(const StoredLayer&, MatrixSpan);

// Linears decoded here where they are stored packed; the rest as the checkpoint gives it.
class DecodedHere : public CheckpointWeights {
 public:
  DecodedHere(const OpenedModel& opened, const std::filesystem::path& file, Decode decode)
      : CheckpointWeights(opened.spec, *opened.model), m_file(readSafetensorsFile(file)), m_decode(decode) {}
  [[nodiscard]] std::shared_ptr<const Matrix> linear(const LinearSpec& linear,
                                                     const RunContext& context) const override {
    const StoredLayer layer(m_file, linear.name);
    if (layer.has("weight")) return CheckpointWeights::linear(linear, context);
    auto weights = std::make_shared<Matrix>(linear.out, linear.in);
    m_decode(layer, weights->span());
    ++m_decoded;
    return weights;
  }
  [[nodiscard]] std::size_t decoded() const { return m_decoded; }

 private:
  WeightsFile m_file;
  Decode m_decode;
  mutable std::size_t m_decoded = 0;
};

}  // namespace

Q_DECLARE_METATYPE(Decode)

class TestEvaluatedExports : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void anExportIsEvaluatedWithTheValuesThatItHolds_data() {
    QTest::addColumn<Decode>("decode");
    QTest::newRow("awq") << &decodeAwq;
    QTest::newRow("gptq") << &decodeGptq;
    QTest::newRow("compressed-tensors") << &decodeCompressed;
  }

  void anExportIsEvaluatedWithTheValuesThatItHolds() {
    QFETCH(Decode, decode);
    const OpenedModel original(demoFolder());
    const TempFolder folder;
    QuantRequest request{.method = "rtn", .scaleType = ScaleType::F16};
    request.settings = Settings({{"bits", std::int64_t{4}}, {"group_size", std::int64_t{kGroup}}});
    RunStore store(folder.path() / "runs", *original.model, request);
    const QuantReport report = runQuantization(*original.model, request, store, {});
    const std::filesystem::path out = folder.path() / "out";
    const ExportOptions options{.path = out, .extra = {{"gptq_version", "v2"}}};
    requireExporter(QTest::currentDataTag()).write({*original.model, request, report, store}, options, {});

    const OpenedModel exported(out);
    std::vector<int> ids;
    for (std::size_t i = 0; i < 2 * kWindow; ++i) ids.push_back(static_cast<int>((i * i + 3 * i) % 1000));
    const TokenWindows windows = cutWindows(ids, original.spec, std::nullopt, {.window = kWindow}, "ids");
    const DecodedHere weights(exported, out / "model.safetensors", decode);
    const TransformerRunner decoded(exported.spec, weights);
    ReferenceRun byHand(decoded);
    const Evaluation same = evaluate(exported.runner, windows, &byHand, {});
    QVERIFY(weights.decoded() >= report.layers.size());
    QCOMPARE(same.perplexity, same.reference->referencePerplexity);
    QCOMPARE(same.reference->meanDivergence, 0.0);
    QCOMPARE(same.reference->top1Agreement, 1.0);

    ReferenceRun unquantized(original.runner);
    const Evaluation other = evaluate(exported.runner, windows, &unquantized, {});
    constexpr double kLeast = 1e-5;  // 4 bits leave some divergence, however close the perplexities are
    QVERIFY(other.reference->meanDivergence > kLeast);
  }

  void inputsAreQuantizedAsTheExportSays_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<QString>("format");
    QTest::newRow("dynamic, compressed-tensors") << "int8-dynamic"
                                                 << "compressed-tensors";
    QTest::newRow("static, compressed-tensors") << "int8-static"
                                                << "compressed-tensors";
    QTest::newRow("static, safetensors") << "int8-static"
                                         << "safetensors";
  }
  // What the run's own weights evaluate to, the opened export does.
  void inputsAreQuantizedAsTheExportSays() {
    QFETCH(QString, method);
    QFETCH(QString, format);
    const OpenedModel original(demoFolder());
    const TempFolder folder;
    QuantRequest request{.method = method.toStdString(), .scaleType = ScaleType::F16};
    if (method == "int8-static")
      request.calibration = {.textFile = builtInTextPath(demoFolder(), BuiltInText::Calibration),
                             .runModel = true,
                             .window = 64,
                             .windows = 4};
    RunStore store(folder.path() / "runs", *original.model, request);
    const QuantReport report = runQuantization(*original.model, request, store, {});
    const std::filesystem::path out = folder.path() / (format == "safetensors" ? "model/model.safetensors" : "model");
    if (format == "safetensors")
      std::filesystem::copy(demoFolder(), folder.path() / "model", std::filesystem::copy_options::recursive);
    requireExporter(format.toStdString())
        .write({*original.model, request, report, store}, {.path = out, .replace = true}, {});

    const OpenedModel exported(folder.path() / "model");
    std::vector<int> ids;
    for (std::size_t i = 0; i < 2 * kWindow; ++i) ids.push_back(static_cast<int>((i * i + 3 * i) % 1000));
    const TokenWindows windows = cutWindows(ids, original.spec, std::nullopt, {.window = kWindow}, "ids");
    const StoredWeights stored(exported.spec, *exported.model);
    const TransformerRunner opened(exported.spec, stored);
    const RunWeights weights(original.spec, *original.model, report, store);
    const TransformerRunner run(original.spec, weights);
    const Evaluation asStored = evaluate(opened, windows, nullptr, {});
    const Evaluation asRun = evaluate(run, windows, nullptr, {});
    QVERIFY(std::abs(asStored.perplexity / asRun.perplexity - 1.0) < 1e-5);
    const Evaluation weightsOnly = evaluate(exported.runner, windows, nullptr, {});
    QVERIFY(std::abs(weightsOnly.perplexity / asRun.perplexity - 1.0) > 1e-4);
  }
};

QTEST_GUILESS_MAIN(TestEvaluatedExports)
#include "tst_evaluated_exports.moc"
