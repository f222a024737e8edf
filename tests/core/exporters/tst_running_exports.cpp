#include <QtTest>

#include "core/base/error.h"
#include "core/exporters/round_trip_check.h"
#include "core/io/reader_registry.h"
#include "tests/support/exported_folder.h"
#include "tests/support/file_size_limit.h"

using namespace qs;
using namespace qs::test;

namespace {

namespace fs = std::filesystem;

std::map<std::string, std::string> filesIn(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    files[entry.path().filename().string()] = readFile(entry.path());
  return files;
}

std::unique_ptr<RunningExport> begun(const Exported& e, const std::string& format, const char* name = "out") {
  return requireExporter(format).begin(*e.model, e.request, *e.store, {.path = e.folder.path() / name}, {});
}

QuantReport ran(const Exported& e, RunningExport& running) {
  const RunObservers observers{.quantized = [&running](const std::string& layer, const QuantizedTensor& tensor) {
    running.take(layer, tensor);
  }};
  return runQuantization(*e.model, e.request, *e.store, {}, observers);
}

std::size_t entriesNamed(const Exported& e, const std::string& part) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(e.folder.path()))
    count += entry.path().filename().string().find(part) == std::string::npos ? 0 : 1;
  return count;
}

}  // namespace

// Exports that take layers while the run makes them.
class TestRunningExports : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void theFilesAreThoseOfAFinishedRun_data() {
    QTest::addColumn<QString>("format");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<int>("stored");  // layers that the store has from before
    for (const int stored : {0, 1, 2})
      for (const char* format : {"awq", "compressed-tensors"})
        for (const bool symmetric : {false, true})
          QTest::addRow("%s, %s, %d stored", format, symmetric ? "symmetric" : "asymmetric", stored)
              << QString(format) << symmetric << stored;
  }
  void theFilesAreThoseOfAFinishedRun() {
    QFETCH(const QString, format);
    QFETCH(const bool, symmetric);
    QFETCH(const int, stored);
    Exported e;
    e.make(64, 128);
    e.request.settings = rtn(4, 32, symmetric);
    e.run();
    e.write(format.toStdString());
    if (stored < 2) fs::remove(e.store->folder() / (std::string(kUp) + ".layer"));
    if (stored < 1) fs::remove(e.store->folder() / (std::string(kDown) + ".layer"));
    QCOMPARE(e.store->size(), static_cast<std::size_t>(stored));
    const auto running = begun(e, format.toStdString(), "meanwhile");
    QVERIFY(running != nullptr);
    const QuantReport report = ran(e, *running);
    QVERIFY(!fs::exists(e.folder.path() / "meanwhile"));
    const ExportResult result = running->finish({*e.model, e.request, report, *e.store});
    QCOMPARE(result.tensors, std::uint64_t{3});
    QVERIFY(filesIn(e.folder.path() / "meanwhile") == filesIn(e.folder.path() / "out"));
  }

  // What is written is what is read back, whether by its codes or by its values.
  void aLayerReadsBackAsItsCodes_data() {
    QTest::addColumn<QString>("format");
    QTest::addColumn<bool>("symmetric");
    for (const char* format : {"awq", "compressed-tensors"})
      for (const bool symmetric : {false, true})
        QTest::addRow("%s, %s", format, symmetric ? "symmetric" : "asymmetric") << QString(format) << symmetric;
  }
  void aLayerReadsBackAsItsCodes() {
    QFETCH(const QString, format);
    QFETCH(const bool, symmetric);
    Exported e;
    e.make(64, 128);
    e.request.settings = rtn(4, 32, symmetric);
    e.run();
    e.write(format.toStdString());
    const auto written = openCheckpoint(e.folder.path() / "out");
    const std::string name = std::string(kUp) + ".weight";
    QuantizedTensor layer = e.store->loadTensor(kUp).value();
    RoundTripCheck check;
    check.expect(name, written->require(name).info.shape);
    // AWQ's symmetric layers come back with zero points: their values are compared.
    QCOMPARE(check.readsBackAs(*written, name, layer), format != "awq" || !symmetric);
    layer.codes.at(77) ^= 1U;
    QVERIFY(!check.readsBackAs(*written, name, layer));
    layer.codes.at(77) ^= 1U;
    layer.scales.at(3) *= 2.0F;
    QVERIFY(!check.readsBackAs(*written, name, layer));
  }

  // The plan is a forecast; what the run made counts.
  void whatTheRunMadeOtherwiseIsWrittenAnew() {
    Exported e;
    e.make(64, 128);
    e.request.settings = rtn(4, 32, true);
    e.openStore();
    const auto running = begun(e, "compressed-tensors", "meanwhile");
    e.request.settings = rtn(4, 64, false);
    e.run();
    e.write("compressed-tensors");
    (void)running->finish({*e.model, e.request, e.report, *e.store});
    QVERIFY(filesIn(e.folder.path() / "meanwhile") == filesIn(e.folder.path() / "out"));
    QCOMPARE(entriesNamed(e, "meanwhile"), std::size_t{1});
  }

  void whatIsNotFinishedLeavesNothing() {
    Exported e;
    e.make(64, 128);
    e.request.settings = rtn(4, 32, true);
    e.openStore();
    auto running = begun(e, "compressed-tensors");
    (void)ran(e, *running);
    QVERIFY(entriesNamed(e, "out") > 0);
    running.reset();
    QCOMPARE(entriesNamed(e, "out"), std::size_t{0});
  }

  void aFullDiskEndsTheRunAndNamesTheOutput() {
    Exported e;
    e.make(256, 512);
    e.request.settings = rtn(4, 32, true);
    e.openStore();
    auto running = begun(e, "compressed-tensors");
    QString fault;
    {
      const FileSizeLimit full(110'000);  // holds a layer, not both
      try {
        (void)ran(e, *running);
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::Failed) fault = error.what();
      }
    }
    QVERIFY2(fault.startsWith(QString::fromStdString((e.folder.path() / "out").string())), qPrintable(fault));
    QVERIFY2(fault.contains("can't be written"), qPrintable(fault));
    running.reset();
    QCOMPARE(entriesNamed(e, "out"), std::size_t{0});
  }

  void aRunThatDecidesWhatIsWrittenDoesNotBegin() {
    Exported e;
    e.make(64, 128);
    e.openStore();
    e.request.method = "int8-dynamic";
    e.request.settings = Settings();
    QVERIFY(begun(e, "compressed-tensors") == nullptr);
    e.request.method = "rtn";
    QVERIFY(begun(e, "compressed-tensors") != nullptr);
    e.request.calibration.activationsFile = e.folder.path() / "inputs.safetensors";
    QVERIFY(begun(e, "compressed-tensors") == nullptr);
    QVERIFY(!requireExporter("gptq").begin);  // its version depends on the zero points
  }
};

QTEST_APPLESS_MAIN(TestRunningExports)
#include "tst_running_exports.moc"
