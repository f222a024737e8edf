#include <QtTest>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/cli/cli_runner.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

using qs::test::CliResult;
using qs::test::readFile;
using qs::test::runCli;
using qs::test::signalCli;

#ifdef __SANITIZE_ADDRESS__               // a step takes seconds
constexpr std::size_t kTextBytes = 2700;  // two windows of the demo model
const QString kSteps = "16";
#else
constexpr std::size_t kTextBytes = 5000;  // four windows
const QString kSteps = "100";
#endif
const QByteArray kTraining = "Training: ";

/// The step that a line of progress tells; -1 of none.
int stepAt(const QByteArray& progress, qsizetype line) {
  return line < 0 ? -1 : progress.mid(line + kTraining.size()).split(' ').first().toInt();
}
/// Whether the training is beyond a step.
auto beyond(int step) {
  return [step](const QByteArray& progress) { return stepAt(progress, progress.lastIndexOf(kTraining)) > step; };
}

}  // namespace

/// quantscope-cli training the demo model: interrupted and killed, gone on with, or content with the best so far.
class TestCliTraining : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    std::ofstream(path("text.txt")) << readFile(qs::test::demoFolder() / "training.txt").substr(0, kTextBytes);
  }

  void thereIsNothingToTakeTheBestOf() {
    QCOMPARE(runCli(command("none") + QStringList{"--best-so-far"}).status, 2);
    const CliResult result = runCli(command("none") + QStringList{"--resume", "--best-so-far"});
    QCOMPARE(result.status, 1);
    QVERIFY2(result.err.contains("no interrupted training"), result.err);
    QVERIFY(!std::filesystem::exists(path("none")));
  }

  void badInputIsOneLineBeforeTheWork_data() {
    QTest::addColumn<QStringList>("options");
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("message");
    QTest::newRow("a text shorter than a window")
        << QStringList{"--training-text", text("short.txt")} << 3 << QByteArray("short.txt: the text has only");
    QTest::newRow("no such text") << QStringList{"--training-text", "nowhere.txt"} << 3 << QByteArray("nowhere.txt");
    QTest::newRow("a format without 3 bits")
        << QStringList{"--bits", "3", "--format", "awq"} << 2 << QByteArray("--format awq");
    QTest::newRow("a rate below zero") << QStringList{"--learning-rate", "-1"} << 2 << QByteArray("learning");
    QTest::newRow("an unknown start") << QStringList{"--start", "nf4"} << 2 << QByteArray("start");
  }
  void badInputIsOneLineBeforeTheWork() {
    QFETCH(QStringList, options);
    QFETCH(int, status);
    QFETCH(QByteArray, message);
    std::ofstream(path("short.txt")) << "There once was a patient clockmaker.";
    const CliResult result =
        runCli(QStringList{"quantize", "demo", "--method", "qat-model", "--out", text("bad")} + options);
    QCOMPARE(result.status, status);
    QVERIFY2(result.hasOneErrorLine(), result.err);
    QVERIFY2(result.err.contains(message), result.err);
    QVERIFY(!std::filesystem::exists(path("bad")));
  }

  /// Each part goes on from what the one before left: nothing, where it was killed within its first minute.
  void killedAndInterruptedItComesToTheSameBytes() {
    const CliResult whole = runCli(command("whole"));
    QVERIFY2(whole.status == 0, whole.err);
    QCOMPARE(signalCli(command("parts"), SIGKILL, beyond(0)).status, -1);
    interrupt(0);
    const int reached = takeBest();
    QVERIFY(reached >= 1);
    const CliResult killed = signalCli(resumed("parts"), SIGKILL, beyond(reached));
    QCOMPARE(killed.status, -1);
    QVERIFY2(stepAt(killed.err, killed.err.indexOf(kTraining)) >= reached, killed.err);
    interrupt(reached);
    QVERIFY(takeBest() > reached);
    const CliResult last = runCli(resumed("parts"));
    QVERIFY2(last.status == 0, last.err);
    QVERIFY(readFile(path("parts")) == readFile(path("whole")));
    QVERIFY(readFile(path("best")) != readFile(path("whole")));
  }

 private:
  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return m_folder.path() / name; }
  [[nodiscard]] QString text(const std::string& name) const { return QString::fromStdString(path(name).string()); }
  [[nodiscard]] QStringList command(const std::string& out) const {
    return {"quantize",        "demo",
            "--method",        "qat-model",
            "--bits",          "2",
            "--group-size",    "64",
            "--batch",         "1",
            "--steps",         kSteps,
            "--training-text", text("text.txt"),
            "--out",           text(out)};
  }
  [[nodiscard]] QStringList resumed(const std::string& out) const { return command(out) + QStringList{"--resume"}; }

  void interrupt(int step) const {
    const CliResult result = signalCli(resumed("parts"), SIGINT, beyond(step));
    QVERIFY2(result.status == 130, result.err);
    QVERIFY2(result.err.contains("--resume --best-so-far"), result.err);
    QVERIFY2(result.err.endsWith("quantscope-cli: error: interrupted\n"), result.err);
    QVERIFY(!std::filesystem::exists(path("parts")));
  }

  /// Exports the best step so far; the steps that were taken.
  [[nodiscard]] int takeBest() const {
    const CliResult result = runCli(resumed("best") + QStringList{"--best-so-far", "--force", "--json"});
    if (result.status != 0) {
      qWarning("%s", result.err.constData());
      return -1;
    }
    const nlohmann::json layer = nlohmann::json::parse(result.out.toStdString())["layers"][0];
    const QByteArray notes = QByteArray::fromStdString(layer["notes"].dump());
    if (!notes.contains("the training was stopped at step")) qWarning("%s", notes.constData());
    return layer["figures"]["steps_taken"];
  }

  qs::test::TempFolder m_folder;
};

QTEST_GUILESS_MAIN(TestCliTraining)
#include "tst_cli_training.moc"
