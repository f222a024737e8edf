#include <QtTest>

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <cmath>
#include <cstring>
#include <fstream>

#include "tests/cli/cli_runner.h"
#include "tests/support/model_writer.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

using qs::test::CliResult;
using qs::test::runCli;

class TestCliModel : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void tokenizes() {
    m_folder.write("prompt.txt", "There once was a");
    const CliResult result = runCli({"tokenize", "demo", "--text", text("prompt.txt"), "--json"});
    QCOMPARE(result.status, 0);
    QCOMPARE(parse(result.out)["ids"].toArray(), QJsonArray({634, 592, 283, 258}));  // resources/demo/README.md
    QCOMPARE(runCli({"tokenize", "demo", "--text", text("prompt.txt")}).out, QByteArray("634 592 283 258\n"));
  }

  void continuesAText() {
    const CliResult result = runCli({"generate", "demo", "--prompt", "There once was a", "--tokens", "20", "--json"});
    QCOMPARE(result.status, 0);
    const QJsonObject json = parse(result.out);
    QCOMPARE(json["ids"].toArray().size(), 20);
    QVERIFY(json["text"].toString().startsWith(" patient clockmaker named Bruno"));
  }

  void evaluatesByTheProtocol() {
    const CliResult result = runCli({"evaluate", "demo", "--windows", "3", "--window", "64", "--json"});
    QCOMPARE(result.status, 0);
    const QJsonObject json = parse(result.out);
    for (const char* key : {"perplexity", "perplexity_stderr", "nll_per_token", "tokens", "windows", "window"})
      QVERIFY2(json[key].isDouble(), key);
    QVERIFY(json["reference"].isNull());
    QCOMPARE(json["tokens"].toInt(), 3 * 64);  // BOS stands beside the window's tokens
    QVERIFY(std::abs(std::log(json["perplexity"].toDouble()) - json["nll_per_token"].toDouble()) < 1e-9);
  }

  void numbersAreDecimal() {
    const CliResult result = runCli({"evaluate", "demo", "--windows", "010", "--window", "16", "--json"});
    QVERIFY2(result.status == 0, result.err);
    QCOMPARE(parse(result.out)["windows"].toInt(), 10);
  }

  void aModelAgreesWithItself() {
    const CliResult result =
        runCli({"evaluate", "demo", "--reference", "demo", "--windows", "2", "--window", "64", "--json"});
    QCOMPARE(result.status, 0);
    const QJsonObject reference = parse(result.out)["reference"].toObject();
    QCOMPARE(reference["top1_agreement"].toDouble(), 1.0);
    for (const char* key : {"mean_kl_divergence", "median_kl_divergence", "p999_kl_divergence"})
      QVERIFY(std::abs(reference[key].toDouble()) < 1e-9);
  }

  void calibrationFileAndRunningGiveTheSameWeights() {
    QCOMPARE(runCli({"calibrate", "demo", "--windows", "4", "--out", text("acts.safetensors"), "--json"}).status, 0);
    QCOMPARE(runCli({"calibrate", "demo", "--windows", "4", "--out", text("acts.safetensors")}).status, 2);
    const CliResult result = runCli({"quantize", "demo", "--method", "rtn", "--calibration", text("acts.safetensors"),
                                     "--out", text("q.safetensors"), "--json"});
    QCOMPARE(result.status, 0);
    for (const auto& layer : parse(result.out)["layers"].toArray())
      QVERIFY(layer.toObject()["output_relative_error"].toDouble() > 0);
  }

  void comparesMethods() {
    const CliResult result = runCli({"compare", "demo", "--methods", "fp16,rtn,int8-dynamic", "--windows", "2",
                                     "--bits", "4", "--json", "--csv", text("c.csv"), "--markdown", text("c.md")});
    QCOMPARE(result.status, 0);
    const QJsonArray rows = parse(result.out)["rows"].toArray();
    QCOMPARE(rows.size(), 3);
    for (const auto& entry : rows) {
      const QJsonObject row = entry.toObject();
      for (const char* key :
           {"method", "settings", "size_bytes", "bits_per_weight", "perplexity", "mean_kl_divergence", "top1_agreement",
            "mean_output_relative_error", "decode_speedup", "seconds", "status", "error"})
        QVERIFY2(row.contains(key), key);
      QCOMPARE(row["status"].toString(), QString("done"));
      QVERIFY(row["perplexity"].toDouble() > 1);
    }
    QCOMPARE(rows[0].toObject()["bits_per_weight"].toDouble(), 16.0);
    for (const auto& entry : rows) {
      const QJsonObject row = entry.toObject();
      const double speedup = row["decode_speedup"].toDouble();
      QVERIFY(speedup > 0 && speedup <= 16.0 / row["bits_per_weight"].toDouble() * 1.001);  // at most the bytes' ratio
      QVERIFY(row["decode_speedup_low"].toDouble() <= speedup);
    }
    QVERIFY(std::abs(rows[1].toObject()["perplexity_change"].toDouble() - rows[1].toObject()["perplexity"].toDouble() +
                     rows[0].toObject()["perplexity"].toDouble()) < 1e-12);
    QCOMPARE(parse(result.out)["evaluation"].toObject()["windows"].toInt(), 2);
    QVERIFY(rows[1].toObject()["size_bytes"].toDouble() < rows[0].toObject()["size_bytes"].toDouble());
    QCOMPARE(QString::fromStdString(qs::test::readFile(m_folder.path() / "c.csv")).count('\n'), 4);
    QVERIFY(QString::fromStdString(qs::test::readFile(m_folder.path() / "c.md")).contains("| rtn |"));
  }

  void measuresTheKernels() {
    const CliResult result = runCli({"bench", "--shape", "256x256", "--json"});
    QCOMPARE(result.status, 0);
    const QJsonArray formats = parse(result.out)["formats"].toArray();
    QCOMPARE(formats.size(), 4);
    for (const auto& entry : formats) QVERIFY(entry.toObject()["seconds"].toDouble() > 0);
  }

  void modelsThatCannotBeRunSayWhy_data() {
    QTest::addColumn<QString>("fault");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("reason");
    QTest::newRow("an unknown architecture") << "architecture" << 3 << "\"mamba\" can't be run";
    QTest::newRow("an unknown rope type") << "rope" << 3 << "rope type \"yarn\" is not supported";
    QTest::newRow("a tokenizer with more ids than the embedding has rows") << "tokenizer" << 3 << "5000";
    QTest::newRow("no config.json") << "config" << 3 << "config.json";
    QTest::newRow("a NaN in the third block") << "nan" << 1 << "block 2 (model.layers.2)";
  }
  void modelsThatCannotBeRunSayWhy() {
    QFETCH(QString, fault);
    QFETCH(int, status);
    QFETCH(QString, reason);
    const qs::test::TempFolder folder;
    spoiledDemo(folder.path(), fault);
    const QString model = QString::fromStdString(folder.path().string());
    const CliResult result = runCli({"evaluate", model, "--windows", "1", "--window", "16"});
    QVERIFY2(result.hasOneErrorLine(), result.err);
    QCOMPARE(result.status, status);
    QVERIFY2(result.err.contains(reason.toUtf8()), result.err);
    QCOMPARE(runCli({"inspect", model}).status, 0);  // it opens all the same
  }

  void comparingSaysWhatEvaluatingSays_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QStringList>("options");
    m_folder.write("short.txt", "once");
    qs::test::writeModel(m_folder.path() / "bare.safetensors", qs::test::tinyModel());
    QTest::newRow("a short text") << "demo" << QStringList{"--text", text("short.txt")};
    QTest::newRow("a large window") << "demo" << QStringList{"--window", "100000"};
    QTest::newRow("no config.json") << text("bare.safetensors") << QStringList{"--window", "16"};
  }
  void comparingSaysWhatEvaluatingSays() {
    QFETCH(QString, model);
    QFETCH(QStringList, options);
    const CliResult evaluated = runCli(QStringList{"evaluate", model} + options);
    const CliResult compared = runCli(QStringList{"compare", model, "--methods", "fp16,rtn"} + options);
    QCOMPARE(compared.status, evaluated.status);
    QCOMPARE(compared.err, evaluated.err);
    QVERIFY(compared.out.isEmpty());
  }

  void theModelsOwnFilesAreNeverReplaced_data() {
    QTest::addColumn<QString>("command");
    QTest::addColumn<QString>("output");
    for (const char* output : {"config.json", "model.safetensors", "tokenizer.json"}) {
      QTest::addRow("calibrate: %s", output) << "calibrate" << output;
      QTest::addRow("quantize: %s", output) << "quantize" << output;
      QTest::addRow("quantize the file: %s", output) << "quantize-file" << output;
      QTest::addRow("report: %s", output) << "quantize-report" << output;
    }
    QTest::newRow("the folder above") << "quantize-folder"
                                      << "..";
  }
  void theModelsOwnFilesAreNeverReplaced() {
    QFETCH(QString, command);
    QFETCH(QString, output);
    const qs::test::TempFolder above;
    const std::filesystem::path folder = above.path() / "mf";
    std::filesystem::create_directory(folder);
    spoiledDemo(folder, "nothing");
    const QString model = QString::fromStdString(folder.string());
    const QString out = model + "/" + output;
    const QStringList quantize{"quantize", model, "--method", "rtn", "--force"};
    const QMap<QString, QStringList> commands{
        {"calibrate", {"calibrate", model, "--windows", "1", "--out", out, "--force"}},
        {"quantize", quantize + QStringList{"--out", out}},
        {"quantize-file", {"quantize", model + "/model.safetensors", "--method", "rtn", "--force", "--out", out}},
        {"quantize-report", quantize + QStringList{"--out", text("never.safetensors"), "--report", out}},
        {"quantize-folder", quantize + QStringList{"--format", "gptq", "--out", out}}};
    const CliResult result = runCli(commands[command]);
    QCOMPARE(result.status, 2);
    QVERIFY2(result.hasOneErrorLine(), result.err);
    QCOMPARE(runCli({"evaluate", model, "--windows", "1", "--window", "16"}).status, 0);
    QVERIFY(!std::filesystem::exists(m_folder.path() / "never.safetensors"));
  }

  void aComparisonGoesOnAroundWhatFails() {
    // GPTQ reads calibration inputs, which a text of two letters doesn't give; rounding needs none.
    m_folder.write("tiny.txt", "hi");
    const QStringList few{"--windows", "1", "--window", "16", "--json"};
    const CliResult partly =
        runCli(QStringList{"compare", "demo", "--methods", "gptq,rtn", "--calibration-text", text("tiny.txt")} + few);
    QCOMPARE(partly.status, 0);
    const QJsonArray rows = parse(partly.out)["rows"].toArray();
    QCOMPARE(rows[0].toObject()["status"].toString(), QStringLiteral("failed"));
    QVERIFY2(rows[0].toObject()["error"].toString().contains("tiny.txt"), partly.out);
    QCOMPARE(rows[1].toObject()["status"].toString(), QStringLiteral("done"));
    QVERIFY(rows[1].toObject()["perplexity"].toDouble() > 1);

    const qs::test::TempFolder folder;
    spoiledDemo(folder.path(), "nan");
    const QString model = QString::fromStdString(folder.path().string());
    const CliResult none = runCli(QStringList{"compare", model, "--methods", "fp16,rtn"} + few);
    QCOMPARE(none.status, 1);
    const QJsonArray broken = parse(none.out)["rows"].toArray();
    QVERIFY(broken[0].toObject()["error"].toString().contains("block 2 (model.layers.2)"));
    QVERIFY(broken[1].toObject()["error"].toString().contains("model.layers.2.mlp.up_proj"));
  }

  void textsComeFromPipesToo_data() {
    QTest::addColumn<QString>("command");
    QTest::newRow("standard input") << "cat \"$1\" | \"$0\" evaluate demo --text /dev/stdin --window 16 --json";
    QTest::newRow("a named pipe") << "rm -f \"$1.pipe\" && mkfifo \"$1.pipe\" && { cat \"$1\" > \"$1.pipe\" & "
                                     "\"$0\" evaluate demo --text \"$1.pipe\" --window 16 --json; }";
    QTest::newRow("a file as standard input") << "\"$0\" evaluate demo --text /dev/stdin --window 16 --json < \"$1\"";
  }
  void textsComeFromPipesToo() {
    QFETCH(QString, command);
    m_folder.write("tale.txt", std::string(200, 'a') + " There once was a clockmaker named Bruno.");
    const CliResult file = runCli({"evaluate", "demo", "--text", text("tale.txt"), "--window", "16", "--json"});
    QVERIFY2(file.status == 0, file.err);
    const CliResult pipe = qs::test::runShell(command, {text("tale.txt")});
    QVERIFY2(pipe.status == 0, pipe.err);
    QCOMPARE(pipe.out, file.out);
  }

  void failures_data() {
    m_folder.write("short.txt", "once");
    m_folder.write("broken.txt", "\xff\xfe");
    qs::test::writeModel(m_folder.path() / "bare.safetensors", qs::test::tinyModel());
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    const auto row = [](const char* name, const QStringList& arguments, int status) {
      QTest::newRow(name) << arguments << status;
    };
    row("a text shorter than one window", {"evaluate", "demo", "--text", text("short.txt")}, 3);
    row("a text that is no UTF-8", {"evaluate", "demo", "--text", text("broken.txt")}, 3);
    row("a text that doesn't exist", {"evaluate", "demo", "--text", text("none.txt")}, 3);
    row("a window that doesn't fit the context", {"evaluate", "demo", "--window", "100000"}, 2);
    row("a model without config.json", {"evaluate", text("bare.safetensors")}, 3);
    row("comparing on a text shorter than one window", {"compare", "demo", "--text", text("short.txt")}, 3);
    row("comparing in a window that doesn't fit the context", {"compare", "demo", "--window", "100000"}, 2);
    row("comparing the perplexity of a model without config.json",
        {"compare", text("bare.safetensors"), "--text", text("short.txt")}, 3);
    row("a continuation without a prompt", {"generate", "demo"}, 2);
    row("no model to calibrate", {"calibrate", text("bare.safetensors"), "--out", text("a.safetensors")}, 3);
    row("a negative number of windows", {"evaluate", "demo", "--windows", "-3"}, 2);
    row("a negative number of tokens", {"generate", "demo", "--prompt", "x", "--tokens", "-1"}, 2);
    row("an unknown method to compare", {"compare", "demo", "--methods", "magic"}, 2);
    row("an option that no compared method has", {"compare", "demo", "--methods", "fp16,rtn", "--alpha", "0.5"}, 2);
    row("a shape that is none", {"bench", "--shape", "12"}, 2);
    row("a folder without a tokenizer", {"tokenize", text("")}, 3);
  }
  void failures() {
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    const CliResult result = runCli(arguments);
    QVERIFY2(result.hasOneErrorLine(), result.err);
    QCOMPARE(result.status, status);
    QVERIFY(result.out.isEmpty());
  }

  void aTextThatIsNoUtf8IsNamed() {
    m_folder.write("broken.txt", "\xff\xfe");
    const QString broken = text("broken.txt");
    for (const QStringList& arguments :
         {QStringList{"evaluate", "demo", "--text", broken},
          {"tokenize", "demo", "--text", broken},
          {"calibrate", "demo", "--text", broken, "--out", text("never.safetensors")},
          {"quantize", "demo", "--method", "gptq", "--text", broken, "--out", text("never.safetensors")}}) {
      const CliResult result = runCli(arguments);
      QCOMPARE(result.status, 3);
      QVERIFY2(result.hasOneErrorLine() && result.err.contains("broken.txt: not valid UTF-8"), result.err);
    }
    const CliResult piped = qs::test::runShell("\"$0\" tokenize demo < \"$1\"", {broken});
    QCOMPARE(piped.status, 3);
    QVERIFY2(piped.hasOneErrorLine() && piped.err.contains("standard input: not valid UTF-8"), piped.err);
  }

 private:
  [[nodiscard]] QString text(const std::string& name) const {
    return QString::fromStdString((m_folder.path() / name).string());
  }
  /// The demo model with one fault.
  static void spoiledDemo(const std::filesystem::path& folder, const QString& fault) {
    for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"})
      std::filesystem::copy_file(qs::test::demoFolder() / name, folder / name);
    const auto edit = [&folder](const char* name, const auto& change) {
      QJsonObject json = parse(QByteArray::fromStdString(qs::test::readFile(folder / name)));
      change(json);
      std::ofstream(folder / name) << QJsonDocument(json).toJson().toStdString();
    };
    if (fault == "architecture") edit("config.json", [](QJsonObject& json) { json["model_type"] = "mamba"; });
    if (fault == "rope")
      edit("config.json", [](QJsonObject& json) {
        json["rope_scaling"] = QJsonObject{{"type", "yarn"}, {"factor", 2.0}};
      });
    if (fault == "tokenizer")
      edit("tokenizer.json", [](QJsonObject& json) {
        QJsonArray added = json["added_tokens"].toArray();
        added.append(QJsonObject{{"id", 5000}, {"content", "<extra>"}, {"special", true}});
        json["added_tokens"] = added;
      });
    if (fault == "config") std::filesystem::remove(folder / "config.json");
    if (fault == "nan") writeNan(folder / "model.safetensors", "model.layers.2.mlp.up_proj.weight");
  }

  static void writeNan(const std::filesystem::path& file, const QString& tensor) {
    const std::string bytes = qs::test::readFile(file);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    const QJsonObject header = parse(QByteArray(bytes.data() + 8, static_cast<qsizetype>(length)));
    const auto offset = header[tensor].toObject()["data_offsets"].toArray()[0].toInteger();
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(8 + length) + offset);
    out.write("\x00\x7e", 2);  // F16
  }

  static QJsonObject parse(const QByteArray& text) {
    QJsonParseError fault;
    const QJsonDocument document = QJsonDocument::fromJson(text, &fault);
    if (fault.error != QJsonParseError::NoError) qFatal("not one JSON document: %s", qPrintable(fault.errorString()));
    return document.object();
  }

  qs::test::TempFolder m_folder;
};

QTEST_GUILESS_MAIN(TestCliModel)
#include "tst_cli_model.moc"
