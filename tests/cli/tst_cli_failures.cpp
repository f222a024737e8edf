#include <QtTest>

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <unistd.h>

#include <csignal>
#include <fstream>
#include <limits>

#include "tests/cli/cli_runner.h"
#include "tests/support/model_writer.h"
#include "tests/support/random_matrix.h"
#include "tests/support/temp_folder.h"

namespace fs = std::filesystem;
using qs::test::CliResult;
using qs::test::runCli;

class TestCliFailures : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    qs::test::writeModel(path("model.safetensors"), qs::test::tinyModel());
    auto damaged = qs::test::tinyModel();
    damaged[4].values(2, 5) = std::numeric_limits<float>::infinity();
    qs::test::writeModel(path("damaged.safetensors"), damaged);
    m_folder.write("cut.safetensors", "\x10");
    m_folder.write("text.txt", "no model");
    m_folder.write("taken.safetensors", "precious");
    m_folder.write("recipe.json", "{\"method\": 3}");
    m_folder.write("recipe.rtn.json", "{\"method\": \"rtn\"}");
    qs::test::writeModel(path("other.safetensors"), {{"h.input", qs::test::randomMatrix(8, 64, 3)}});
    auto inputs = qs::test::tinyInputs(128);
    std::erase_if(inputs, [](const auto& input) { return input.name == "model.layers.1.mlp.down_proj.input"; });
    qs::test::writeModel(path("most.safetensors"), inputs);
    fs::create_directory(path("folder"));
    std::vector<qs::test::NamedMatrix> large;
    for (int i = 0; i < 40; ++i)
      large.push_back({"h." + std::to_string(i) + ".weight", qs::test::randomMatrix(1024, 1024, 3)});
    qs::test::writeModel(path("large.safetensors"), large);
  }

  void statusAndLine_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("mentions");
    const QString model = text("model.safetensors");
    const QString out = text("out.safetensors");
    const auto quantize = [&](const QStringList& more) {
      return QStringList({"quantize", model, "--method", "rtn", "--out", out}) + more;
    };
    const auto row = [](const char* name, const QStringList& arguments, int status, const QString& mentions) {
      QTest::newRow(name) << arguments << status << mentions;
    };
    row("no command", {}, 2, "");
    row("an unknown command", {"fly", "--json"}, 2, "unknown command 'fly'");
    row("an option instead of a command", {"--loud"}, 2, "'--loud'");
    row("an empty model", {"inspect", ""}, 3, "'': no such file");
    row("control characters in a name", {"inspect", text("a\x1b[1m\nb")}, 3, "a\\x1b[1m\\nb");
    row("an unknown option", {"methods", "--loud"}, 2, "loud");
    row("no threads", {"methods", "--threads", "0"}, 2, "threads");
    row("hexadecimal threads", {"methods", "--threads", "0x2"}, 2, "--threads");
    row("a negative seed", {"methods", "--seed", "-1"}, 2, "--seed");
    row("a seed above 64 bits", {"methods", "--seed", "18446744073709551616"}, 2, "--seed");
    row("hexadecimal windows", {"evaluate", "demo", "--windows", "0x10"}, 2, "--windows");
    row("no model", {"inspect"}, 2, "MODEL");
    row("a model that doesn't exist", {"inspect", text("none")}, 3, "none");
    row("a model cut short", {"inspect", text("cut.safetensors")}, 3, "cut.safetensors");
    row("a file that is no model", {"inspect", text("text.txt")}, 3, "text.txt");
    row("an empty folder", {"inspect", text("folder")}, 3, "folder");
    row("a layer that doesn't exist", {"inspect", model, "--layer", "nothing"}, 2, "nothing");
    row("a layer with infinity", {"inspect", text("damaged.safetensors"), "--layer", "model.layers.0.self_attn.v_proj"},
        3, "[2, 5]");
    row("no method", {"quantize", model, "--out", out}, 2, "--method");
    row("an unknown method", {"quantize", model, "--method", "magic", "--out", out}, 2, "magic");
    row("no output", {"quantize", model, "--method", "rtn"}, 2, "--out");
    row("bits above the range", quantize({"--bits", "9"}), 2, "bits");
    row("bits that are no number", quantize({"--bits", "four"}), 2, "bits");
    for (const QString option : {"--symmetric=foo", "--no-symmetric=foo", "--asymmetric=99999999999999999999",
                                 "--symmetric=99999999999999999999", "--mse-range=x", "--act-order=foo"}) {
      const QString name = option.section('=', 0, 0);
      row(qPrintable("a switch that is none: " + option), quantize({option}), 2, name);
      row(qPrintable("compared with a switch that is none: " + option), {"compare", model, option}, 2, name);
    }
    row("a size of shards that is no number", quantize({"--shard-size", "nan"}), 2, "--shard-size");
    row("an option that the method lacks", quantize({"--alpha", "0.5"}), 2, "alpha");
    row("an unknown format", quantize({"--format", "zip"}), 2, "zip");
    row("layers that don't exist", quantize({"--layers", "h.*"}), 2, "h.*");
    row("an override without a setting", quantize({"--override", "x"}), 2, "override");
    row("an override of an unknown setting", quantize({"--override", "*:zeal=3"}), 2, "zeal");
    row("everything skipped", quantize({"--override", "*:skip"}), 2, "overrides: they skip every layer");
    row("an override of no layer", quantize({"--override", "zzz*:bits=8"}), 2, "--override 'zzz*'");
    row("shared inputs of no layer", quantize({"--share-input", "zzz*"}), 2, "--share-input 'zzz*'");
    row("sequential calibration of a method without", quantize({"--sequential"}), 2, "--sequential");
    row("sequential calibration on a file",
        {"quantize", model, "--method", "gptq", "--sequential", "--calibration", model, "--out", out}, 2,
        "--sequential");
    row("an option of GGUF with codes", quantize({"--gguf-type", "foo"}), 2, "--gguf-type: is for --format gguf");
    row("an option of GPTQ with codes", quantize({"--gptq-version", "v2"}), 2, "--format safetensors");
    row("an option of effective weights with codes", quantize({"--dtype", "f16"}), 2, "--dtype");
    row("an unknown type of GGUF",
        {"quantize", "demo", "--method", "rtn", "--format", "gguf", "--gguf-type", "foo", "--out", text("never.gguf")},
        2, "foo");
    row("codes in a file named as GGUF", {"quantize", model, "--method", "rtn", "--out", text("never.gguf")}, 2,
        "name ends in .safetensors");
    row("GGUF in a file named as codes", quantize({"--format", "gguf"}), 2, "name ends in .gguf");
    row("activations in a file named as text", {"calibrate", "demo", "--out", text("never.txt")}, 2,
        "name ends in .safetensors");
    row("a report in the output's place", quantize({"--report", out}), 2, "--out and --report name the same file");
    row("a report in the output's place, by another name", quantize({"--report", text("folder/../out.safetensors")}), 2,
        "name the same file");
    row("a report in the model's place", quantize({"--report", model, "--force"}), 2, "the model itself");
    row("a report that replaces some file", quantize({"--report", text("text.txt")}), 2, "--force replaces it");
    row("a text as output",
        {"quantize", "demo", "--method", "rtn", "--text", text("taken.safetensors"), "--force", "--out",
         text("taken.safetensors")},
        2, "name the same file");
    row("a recipe as report",
        {"quantize", model, "--recipe", text("recipe.rtn.json"), "--report", text("recipe.rtn.json"), "--force",
         "--out", out},
        2, "name the same file");
    row("a report's HTML in its own place", {"report", text("recipe.json"), "--out", text("recipe.json"), "--force"}, 2,
        "name the same file");
    row("two tables in one file", {"compare", model, "--csv", text("t"), "--markdown", text("t")}, 2,
        "--csv and --markdown name the same file");
    row("a table in a text's place", {"compare", model, "--text", text("text.txt"), "--csv", text("text.txt")}, 2,
        "name the same file");
    row("a table in the model's place", {"compare", model, "--csv", model, "--force"}, 2, "the model itself");
    row("a table that replaces some file", {"compare", model, "--csv", text("text.txt")}, 2, "--force replaces it");
    row("comparing by a recipe that isn't there", {"compare", model, "--methods", "rtn", "--recipe", text("none.json")},
        3, "none.json");
    row("comparing layers that don't exist", {"compare", model, "--methods", "rtn", "--layers", "h.*"}, 2, "h.*");
    row("comparing with an override of no layer", {"compare", model, "--methods", "rtn", "--override", "zzz*:bits=8"},
        2, "zzz*");
    row("comparing with everything skipped", {"compare", model, "--methods", "rtn", "--override", "*:skip"}, 2,
        "skip every layer");
    row("comparing on an activations file that doesn't exist",
        {"compare", model, "--methods", "gptq", "--calibration", text("none.safetensors")}, 3, "none.safetensors");
    row("comparing on a calibration text that doesn't exist",
        {"compare", "demo", "--methods", "gptq", "--calibration-text", text("none.txt")}, 3, "none.txt");
    row("activations of no layer",
        {"quantize", model, "--method", "gptq", "--calibration", text("other.safetensors"), "--out",
         text("never.safetensors")},
        3, "other.safetensors: has no inputs of layer 'model.layers.0.self_attn.q_proj'");
    row("activations of all layers but one",
        {"quantize", model, "--method", "gptq", "--calibration", text("most.safetensors"), "--out",
         text("never.safetensors")},
        3, "most.safetensors: has no inputs of layer 'model.layers.1.mlp.down_proj'");
    row("a recipe that doesn't exist", quantize({"--recipe", text("none.json")}), 3, "none.json");
    row("a malformed recipe", quantize({"--recipe", text("recipe.json")}), 3, "recipe.json");
    row("an activations file that doesn't exist", quantize({"--calibration", text("none.safetensors")}), 3,
        "none.safetensors");
    row("holding out every row", quantize({"--hold-out", "1"}), 2, "hold-out");
    row("infinite weights",
        {"quantize", text("damaged.safetensors"), "--method", "rtn", "--out", text("never.safetensors")}, 3, "[2, 5]");
    row("an existing output", {"quantize", model, "--method", "rtn", "--out", text("taken.safetensors")}, 2,
        "taken.safetensors");
    row("a folder of other things as output",
        {"quantize", "demo", "--method", "int8-dynamic", "--format", "compressed-tensors", "--force", "--out",
         QFileInfo(text("text.txt")).path()},
        2, "can't be replaced");
    row("the model as output", {"quantize", model, "--method", "rtn", "--force", "--out", model}, 2,
        "model.safetensors");
    row("an output in a folder that doesn't exist",
        {"quantize", model, "--method", "rtn", "--out", text("none/out.safetensors")}, 1, "none");
    row("a report in a folder that doesn't exist", quantize({"--report", text("none/r.json")}), 1, "none");
    row("a report on a full disk", {"quantize", model, "--method", "rtn", "--out", out, "--report", "/dev/full"}, 1,
        "/dev/full");
    row("a report that doesn't exist", {"report", text("none.json"), "--out", text("r.html")}, 3, "none.json");
    row("a report without layers and rows", {"report", text("recipe.json"), "--out", text("r.html")}, 3, "recipe.json");
    row("a report that is none", {"report", text("text.txt"), "--out", text("r.html")}, 3, "text.txt");
  }
  void statusAndLine() {
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    QFETCH(QString, mentions);
    const CliResult result = runCli(arguments);
    QVERIFY2(result.hasOneErrorLine(), result.err);
    QCOMPARE(result.status, status);
    QVERIFY2(QString(result.err).contains(mentions), result.err);
    QVERIFY2(result.out.isEmpty(), result.out);
    QVERIFY(!fs::exists(path("never.safetensors")));
    QCOMPARE(QString::fromStdString(qs::test::readFile(path("taken.safetensors"))), QString("precious"));
    QCOMPARE(QString::fromStdString(qs::test::readFile(path("text.txt"))), QString("no model"));
    QVERIFY(noAsideFiles());
    fs::remove(path("out.safetensors"));
  }

  void everyMethodThatNeedsCalibrationSaysSo() {
    for (const char* method : {"gptq", "awq", "smoothquant", "int8-static", "qat"}) {
      const CliResult known = runCli({"methods", "--json"});
      if (!known.out.contains("\"" + QByteArray(method) + "\"")) continue;
      const CliResult result =
          runCli({"quantize", text("model.safetensors"), "--method", method, "--out", text("out.safetensors")});
      QCOMPARE(result.status, 2);
      QVERIFY2(result.hasOneErrorLine() && result.err.contains("calibration"), result.err);
    }
  }

  void theReportShowsTheLayerThatFailed() {
    const CliResult result = runCli({"quantize", text("damaged.safetensors"), "--method", "rtn", "--out",
                                     text("never.safetensors"), "--report", text("failed.json")});
    QCOMPARE(result.status, 3);
    QVERIFY2(result.hasOneErrorLine(), result.err);
    QVERIFY(!fs::exists(path("never.safetensors")));
    const QString report = QString::fromStdString(qs::test::readFile(path("failed.json")));
    const QJsonArray layers = QJsonDocument::fromJson(report.toUtf8()).object()["layers"].toArray();
    QCOMPARE(layers.size(), 14);
    int failed = 0;
    for (const auto& layer : layers) {
      const QString error = layer.toObject()["error"].toString();
      failed += error.isEmpty() ? 0 : 1;
      QVERIFY2(error.isEmpty() || error.contains("[2, 5]"), qPrintable(error));
      QCOMPARE(layer.toObject().contains("weight_mse"), error.isEmpty());
    }
    QCOMPARE(failed, 1);
    fs::remove(path("failed.json"));
  }

  void anUnwritableFolderIsAFailure() {
    // Root may write in any folder but those of the kernel.
    const QString folder = geteuid() == 0 ? QStringLiteral("/proc") : text("folder");
    fs::permissions(path("folder"), fs::perms::owner_read | fs::perms::owner_exec);
    const CliResult result =
        runCli({"quantize", text("model.safetensors"), "--method", "rtn", "--out", folder + "/out.safetensors"});
    fs::permissions(path("folder"), fs::perms::owner_all);
    QCOMPARE(result.status, 1);
    QVERIFY2(result.hasOneErrorLine() && result.err.contains("out.safetensors"), result.err);
  }

  void aFullStandardOutputIsAFailure() {
    QProcess process;
    process.setStandardOutputFile("/dev/full");
    process.start("/bin/sh", {"-c", "exec \"$0\" methods --json > /dev/full", program()});
    QVERIFY(process.waitForFinished());
    QCOMPARE(process.exitCode(), 1);
  }

  void anInterruptLeavesNothing() {
    // 40 layers of a million weights on one thread take long enough to be interrupted on any machine.
    const QStringList slow{"quantize", text("large.safetensors"),   "--method",  "rtn",
                           "--out",    text("cut-off.safetensors"), "--threads", "1"};
    const CliResult result = qs::test::interruptCli(slow, SIGINT);
    QCOMPARE(result.status, 130);
    QVERIFY2(result.hasOneErrorLine(), result.err);
    QVERIFY(!fs::exists(path("cut-off.safetensors")));
    QVERIFY(noAsideFiles());
    const CliResult resumed = runCli(slow + QStringList{"--resume", "--json"});
    QCOMPARE(resumed.status, 0);
    QVERIFY(fs::exists(path("cut-off.safetensors")));
  }

  void waitingForStandardInputCanBeInterrupted_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("signal");
    QTest::newRow("SIGINT") << QStringList{"tokenize", "demo"} << SIGINT;
    QTest::newRow("SIGTERM") << QStringList{"tokenize", "demo"} << SIGTERM;
    QTest::newRow("/dev/stdin") << QStringList{"tokenize", "demo", "--text", "/dev/stdin"} << SIGINT;
    QTest::newRow("a text to evaluate") << QStringList{"evaluate", "demo", "--text", "/dev/stdin"} << SIGINT;
  }
  void waitingForStandardInputCanBeInterrupted() {
    QFETCH(QStringList, arguments);
    QFETCH(int, signal);
    const CliResult result = qs::test::signalWhileReading(arguments, signal, false);
    QCOMPARE(result.status, 130);
    QVERIFY2(result.hasOneErrorLine(), result.err);
    QVERIFY(result.out.isEmpty());
  }

  void signalsThatAreIgnoredStayIgnored_data() {
    QTest::addColumn<int>("signal");
    QTest::newRow("SIGINT") << SIGINT;
    QTest::newRow("SIGHUP, as nohup does") << SIGHUP;
    QTest::newRow("SIGTERM") << SIGTERM;
  }
  void signalsThatAreIgnoredStayIgnored() {
    QFETCH(int, signal);
    const CliResult result = qs::test::signalWhileReading({"tokenize", "demo"}, signal, true);
    QVERIFY2(result.status == 0, result.err);
    QVERIFY(!result.out.isEmpty());
  }

 private:
  [[nodiscard]] fs::path path(const std::string& name) const { return m_folder.path() / name; }
  [[nodiscard]] QString text(const std::string& name) const { return QString::fromStdString(path(name).string()); }
  [[nodiscard]] static QString program() { return QCoreApplication::applicationDirPath() + "/quantscope-cli"; }
  // Nothing stands in the folder but what the test put there or asked for.
  [[nodiscard]] bool noAsideFiles() const {
    static const QStringList kKnown{
        "recipe.rtn.json",   "other.safetensors", "most.safetensors",  "model.safetensors", "damaged.safetensors",
        "cut.safetensors",   "text.txt",          "taken.safetensors", "recipe.json",       "folder",
        "large.safetensors", "out.safetensors"};
    for (const auto& entry : fs::directory_iterator(m_folder.path()))
      if (!kKnown.contains(QString::fromStdString(entry.path().filename().string()))) {
        qWarning("left behind: %s", entry.path().c_str());
        return false;
      }
    return true;
  }

  qs::test::TempFolder m_folder;
};

QTEST_GUILESS_MAIN(TestCliFailures)
#include "tst_cli_failures.moc"
