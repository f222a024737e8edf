#include <QtTest>

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRegularExpression>

#include <cmath>
#include <fstream>
#include <optional>

#include "core/io/reader_registry.h"
#include "tests/cli/cli_runner.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"

namespace fs = std::filesystem;
using qs::test::CliResult;
using qs::test::runCli;

class TestCliQuantize : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() {
    m_folder.emplace();
    qs::test::writeModel(path("m.safetensors"), qs::test::tinyModel());
  }

  void theReportHasTheDocumentedKeys() {
    const CliResult result = quantize({"--bits", "3", "--group-size", "32", "--json", "--report", text("r.json")});
    QCOMPARE(result.status, 0);
    QVERIFY2(result.err.isEmpty(), result.err);
    const QJsonObject report = parse(result.out);
    QCOMPARE(QByteArray::fromStdString(qs::test::readFile(path("r.json"))), result.out);
    QCOMPARE(report["method"].toString(), QString("rtn"));
    QCOMPARE(report["settings"].toObject()["bits"].toInt(), 3);
    QCOMPARE(report["settings"].toObject()["symmetric"].toBool(), false);
    QCOMPARE(report["layers"].toArray().size(), 14);
    for (const auto& entry : report["layers"].toArray()) {
      const QJsonObject layer = entry.toObject();
      for (const char* key : {"name", "shape", "settings", "bits_per_weight", "weight_mse", "weight_sqnr_db",
                              "weight_cosine", "weight_max_abs_error", "output_relative_error", "seconds"})
        QVERIFY2(layer.contains(key), key);
      QVERIFY(layer["output_relative_error"].isNull());
      // 3 bits, and for every 32 weights an F32 scale and a 3-bit zero point.
      QCOMPARE(layer["bits_per_weight"].toDouble(), 3.0 + 35.0 / 32.0);
    }
    const QJsonObject total = report["total"].toObject();
    for (const char* key : {"parameters", "original_bytes", "quantized_bytes", "bits_per_weight", "seconds"})
      QVERIFY2(total.contains(key), key);
    QCOMPARE(total["original_bytes"].toDouble(), 4.0 * total["parameters"].toDouble());
  }

  void switchesTakeTrueAndFalse_data() {
    QTest::addColumn<QStringList>("options");
    QTest::addColumn<bool>("symmetric");
    QTest::newRow("alone") << QStringList{"--symmetric"} << true;
    QTest::newRow("true") << QStringList{"--symmetric=true"} << true;
    QTest::newRow("0") << QStringList{"--symmetric=0"} << false;
    QTest::newRow("no false") << QStringList{"--no-symmetric=false"} << true;
    QTest::newRow("the last of two wins") << QStringList{"--symmetric", "--asymmetric"} << false;
    QTest::newRow("the last of three wins") << QStringList{"--symmetric", "--no-symmetric", "--symmetric"} << true;
  }
  void switchesTakeTrueAndFalse() {
    QFETCH(QStringList, options);
    const CliResult result = quantize(options + QStringList{"--json"});
    QVERIFY2(result.status == 0, result.err);
    QTEST(parse(result.out)["settings"].toObject()["symmetric"].toBool(), "symmetric");
  }

  void oneCoreGivesTheSameBytes() {
    QCOMPARE(quantize({}).status, 0);
    const std::string expected = qs::test::readFile(path("out.safetensors"));
    const CliResult result = qs::test::runCliOnOneCore({"quantize", text("m.safetensors"), "--method", "rtn",
                                                        "--threads", "8", "--force", "--out", text("out.safetensors")});
    QVERIFY2(result.status == 0, result.err);
    QVERIFY(qs::test::readFile(path("out.safetensors")) == expected);
  }

  void theThreadCountChangesNoByte_data() {
    QTest::addColumn<QString>("format");
    QTest::newRow("codes") << "safetensors";
    QTest::newRow("effective weights") << "dequantized";
  }
  void theThreadCountChangesNoByte() {
    QFETCH(QString, format);
    std::string first;
    for (const char* threads : {"1", "2", "8"}) {
      QCOMPARE(quantize({"--format", format, "--threads", threads, "--force"}).status, 0);
      const std::string bytes = qs::test::readFile(path("out.safetensors"));
      if (first.empty()) first = bytes;
      QVERIFY(bytes == first);
    }
  }

  void dequantizedWeightsHaveTheReportedError() {
    const CliResult result = quantize({"--format", "dequantized", "--json"});
    QCOMPARE(result.status, 0);
    const auto original = qs::openCheckpoint(path("m.safetensors"));
    const auto quantized = qs::openCheckpoint(path("out.safetensors"));
    for (const auto& entry : parse(result.out)["layers"].toArray()) {
      const QJsonObject layer = entry.toObject();
      const std::string name = layer["name"].toString().toStdString() + ".weight";
      const qs::Matrix before = original->load(original->require(name));
      const qs::Matrix after = quantized->load(quantized->require(name));
      double squares = 0;
      for (std::size_t i = 0; i < before.values().size(); ++i) {
        const double error = static_cast<double>(after.values()[i]) - static_cast<double>(before.values()[i]);
        squares += error * error;
      }
      const double mse = squares / static_cast<double>(before.values().size());
      constexpr double kSumOrder = 1e-9;
      QVERIFY(std::abs(mse - layer["weight_mse"].toDouble()) <= kSumOrder * mse);
    }
    // What was not quantized is as it was.
    QVERIFY(quantized->load(quantized->require("lm_head.weight")) ==
            original->load(original->require("lm_head.weight")));
  }

  void recipeAndOptionsGiveTheSame() {
    m_folder->write("recipe.json", R"({"method": "rtn", "settings": {"bits": 5},
                     "overrides": [{"layers": "*.down_proj", "settings": {"bits": 8}}, {"layers": "*.k_proj", "skip": true}]})");
    QCOMPARE(
        runCli({"quantize", text("m.safetensors"), "--recipe", text("recipe.json"), "--out", text("a.safetensors")})
            .status,
        0);
    QCOMPARE(quantize({"--bits", "5", "--override", "*.down_proj:bits=8", "--override", "*.k_proj:skip"}).status, 0);
    QVERIFY(qs::test::readFile(path("a.safetensors")) == qs::test::readFile(path("out.safetensors")));
  }

  void onlyTheNamedLayers() {
    const CliResult result = quantize({"--layers", "*.0.mlp.*", "--layers", "lm_head", "--json"});
    QCOMPARE(result.status, 0);
    QCOMPARE(parse(result.out)["layers"].toArray().size(), 4);
  }

  void forceReplaces() {
    QCOMPARE(quantize({}).status, 0);
    const std::string before = qs::test::readFile(path("out.safetensors"));
    QCOMPARE(quantize({"--bits", "3"}).status, 2);
    QVERIFY(qs::test::readFile(path("out.safetensors")) == before);
    QCOMPARE(quantize({"--bits", "3", "--force"}).status, 0);
    QVERIFY(qs::test::readFile(path("out.safetensors")) != before);
  }

  void anEarlierReportIsReplacedAndAnotherFileByForceOnly() {
    const QStringList report{"--report", text("r.json")};
    QCOMPARE(quantize(report).status, 0);
    const std::string first = qs::test::readFile(path("r.json"));
    const QStringList again{"quantize", text("m.safetensors"), "--method", "rtn", "--bits", "3"};
    QCOMPARE(runCli(again + QStringList{"--out", text("b.safetensors")} + report).status, 0);
    QVERIFY(qs::test::readFile(path("r.json")) != first);
    m_folder->write("r.json", R"({"precious": 1})");
    QCOMPARE(runCli(again + QStringList{"--out", text("c.safetensors")} + report).status, 2);
    QVERIFY(!fs::exists(path("c.safetensors")));
    QVERIFY(qs::test::readFile(path("r.json")) == R"({"precious": 1})");
    QCOMPARE(runCli(again + QStringList{"--out", text("c.safetensors"), "--force"} + report).status, 0);
    QVERIFY(qs::test::readFile(path("r.json")) != R"({"precious": 1})");
  }

  void calibrationThatCameToNothingIsToldOf() {
    qs::test::writeModel(path("inputs.safetensors"), qs::test::tinyInputs(64));
    qs::test::writeModel(path("other.safetensors"), {{"h.input", qs::test::tinyInputs(8)[0].values}});
    const QStringList json{"--force", "--json"};
    const CliResult held = quantize(json + QStringList{"--calibration", text("inputs.safetensors"), "--hold-out", "4"});
    QVERIFY2(held.status == 0 && held.err.isEmpty(), held.err);
    const CliResult few = quantize(json + QStringList{"--calibration", text("inputs.safetensors"), "--hold-out", "65"});
    QVERIFY2(few.status == 0 && few.err.contains("warning: --hold-out 65: no row is held out"), few.err);
    const CliResult none = quantize(json + QStringList{"--hold-out", "4"});
    QVERIFY2(none.status == 0 && none.err.contains("there are no calibration inputs"), none.err);
    const CliResult other = quantize(json + QStringList{"--calibration", text("other.safetensors")});
    QVERIFY2(other.status == 0 && other.err.contains("other.safetensors: has no inputs of 14 layers"), other.err);
  }

  void aNameWithoutSuffixIsWarnedOf() {
    const CliResult result =
        runCli({"quantize", text("m.safetensors"), "--method", "rtn", "--out", text("bare"), "--json"});
    QVERIFY2(result.status == 0, result.err);
    QVERIFY2(result.err.startsWith("quantscope-cli: warning: ") && result.err.contains("ends in .safetensors"),
             result.err);
    QVERIFY(runCli({"inspect", text("bare")}).status == 3);
  }

  void resumeTakesStoredLayers() {
    QCOMPARE(quantize({}).status, 0);
    const QJsonObject resumed = parse(quantize({"--force", "--resume", "--json"}).out);
    for (const auto& layer : resumed["layers"].toArray()) QVERIFY(layer.toObject()["stored"].toBool());
    const QJsonObject afresh = parse(quantize({"--force", "--json"}).out);
    for (const auto& layer : afresh["layers"].toArray()) QVERIFY(!layer.toObject()["stored"].toBool());
  }

  void progressGoesToStandardErrorOnlyWhenAsked() {
    QVERIFY(quantize({}).err.isEmpty());
    const CliResult result = quantize({"--force", "--progress", "--json"});
    static const QRegularExpression last(QStringLiteral("Checking: (\\d+) of \\1 tensors\n$"));
    QVERIFY2(last.match(QString::fromUtf8(result.err)).hasMatch(), result.err);
    static_cast<void>(parse(result.out));
  }

  void theHtmlReportStandsByItself() {
    QCOMPARE(quantize({"--report", text("r.json")}).status, 0);
    QCOMPARE(runCli({"report", text("r.json"), "--out", text("r.html")}).status, 0);
    const QString html = QString::fromStdString(qs::test::readFile(path("r.html")));
    QVERIFY(html.contains("<svg"));
    QVERIFY(html.contains("model.layers.1.mlp.down_proj"));
    QVERIFY(!html.contains("<script"));
    QVERIFY(!html.contains("src="));
    QVERIFY(!html.contains("href="));
  }

  void aComparisonBecomesAnHtmlReportToo() {
    m_folder->write("compared.json", R"({"model": "<demo>", "rows": [
      {"method": "fp16", "settings": {}, "size_bytes": 7344640, "bits_per_weight": 16.0, "perplexity": 1.77,
       "mean_kl_divergence": 0.0, "top1_agreement": 1.0, "mean_output_relative_error": 0.0, "decode_speedup": 1.0,
       "seconds": null, "status": "done", "error": null},
      {"method": "rtn", "settings": {"bits": 4}, "size_bytes": 2687488, "bits_per_weight": 4.16, "perplexity": 1.91,
       "mean_kl_divergence": 0.07, "top1_agreement": 0.89, "mean_output_relative_error": 0.02, "decode_speedup": 2.5,
       "decode_speedup_is_least": true, "seconds": 0.2, "status": "done", "error": null},
      {"method": "gptq", "settings": {"bits": 4}, "size_bytes": null, "bits_per_weight": null, "perplexity": null,
       "mean_kl_divergence": null, "top1_agreement": null, "mean_output_relative_error": null, "decode_speedup": null,
       "seconds": null, "status": "failed", "error": "layer 'a<b': no calibration"}]})");
    QCOMPARE(runCli({"report", text("compared.json"), "--out", text("compared.html")}).status, 0);
    const QString html = QString::fromStdString(qs::test::readFile(path("compared.html")));
    QCOMPARE(html.count("<svg"), 3);  // trade-off, output error, speed
    QCOMPARE(html.count("<circle"), 2);
    QVERIFY(html.contains("a&lt;b") && html.contains("&lt;demo&gt;") && !html.contains("a<b"));
    QVERIFY(html.contains("bits=4") && html.contains("failed"));
    QVERIFY(html.contains("≥ 2.5") && !html.contains("≥ 1"));
    for (const char* outside : {"<script", "src=", "href="}) QVERIFY(!html.contains(outside));
    QCOMPARE(runCli({"report", text("compared.json"), "--out", text("compared.html")}).status, 2);
    QCOMPARE(runCli({"report", text("compared.json"), "--out", text("compared.html"), "--force"}).status, 0);
  }

  void aFullDiskLeavesNothing() {
    const fs::path mount = path("tiny");
    fs::create_directory(mount);
    const QString where = QString::fromStdString(mount.string());
    const bool isMounted = QProcess::execute("mount", {"-t", "tmpfs", "-o", "size=64k", "tmpfs", where}) == 0;
    std::optional<qs::test::FileSizeLimit> limit;  // the program has it too
    if (!isMounted) limit.emplace(64 * 1024);
    const CliResult result = runCli({"quantize", text("m.safetensors"), "--method", "rtn", "--format", "dequantized",
                                     "--out", where + "/out.safetensors"});
    const bool left = !fs::is_empty(mount);
    limit.reset();
    if (isMounted) QProcess::execute("umount", {where});
    QCOMPARE(result.status, 1);
    QVERIFY2(result.hasOneErrorLine(), result.err);
    QVERIFY2(result.err.contains("out.safetensors"), result.err);
    QVERIFY(!left);
  }

 private:
  [[nodiscard]] fs::path path(const std::string& name) const { return m_folder->path() / name; }
  [[nodiscard]] QString text(const std::string& name) const { return QString::fromStdString(path(name).string()); }
  [[nodiscard]] CliResult quantize(const QStringList& more) const {
    return runCli(
        QStringList({"quantize", text("m.safetensors"), "--method", "rtn", "--out", text("out.safetensors")}) + more);
  }
  static QJsonObject parse(const QByteArray& text) {
    QJsonParseError fault;
    const QJsonDocument document = QJsonDocument::fromJson(text, &fault);
    if (fault.error != QJsonParseError::NoError) qFatal("not one JSON document: %s", qPrintable(fault.errorString()));
    return document.object();
  }

  std::optional<qs::test::TempFolder> m_folder;
};

QTEST_GUILESS_MAIN(TestCliQuantize)
#include "tst_cli_quantize.moc"
