#include <QtTest>

#include <cmath>
#include <stop_token>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/session/compare_methods.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

using namespace qs;

namespace {

const std::string kDemo = qs::test::demoFolder().string();
// resources/demo/README.md: perplexity of the stored F16 model over 84 windows of 256, measured with another program.
constexpr double kDemoPerplexity = 1.7747;
// Under the address sanitizer the whole text takes minutes: a few windows pass the same code.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kWholeText = false;
#else
constexpr bool kWholeText = true;
#endif

ComparisonRequest demoRequest(std::size_t windows) {
  ComparisonRequest request;
  request.evaluationText = readText(kDemo + "/evaluation.txt");
  request.windows = {.window = 256, .maxWindows = windows};
  request.decodeRepeats = 0;
  return request;
}

Settings settingsOf(std::int64_t bits, std::int64_t group, bool symmetric) {
  return Settings({{"bits", bits}, {"group_size", group}, {"symmetric", symmetric}});
}

}  // namespace

class TestCompareMethods : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void theDemoWithoutAndWithRtn() {
    const test::TempFolder folder;
    ComparisonRequest request = demoRequest(kWholeText ? 0 : 2);
    request.methods = {{kUnquantized, {}}, {"rtn", {}}, {"int8-dynamic", {}}};
    std::vector<std::size_t> told;
    const auto result = compareMethods(openCheckpoint(kDemo), request, folder.path(), {},
                                       [&](std::size_t row, const ComparisonRow&) { told.push_back(row); });
    const auto& rows = result.rows;
    QCOMPARE(rows.size(), std::size_t{3});
    QCOMPARE(result.text.window, std::size_t{256});
    QCOMPARE(result.text.tokens, 256 * result.text.windows);
    QCOMPARE(result.text.windows, std::size_t{kWholeText ? 84 : 2});
    QCOMPARE(*rows[1].perplexityChange, *rows[1].perplexity - *rows[0].perplexity);
    QVERIFY(!rows[0].run && rows[1].run && rows[1].run->report->layers.size() == 28);
    for (const ComparisonRow& row : rows) QCOMPARE(row.status, RowStatus::Done);
    if (!kWholeText) return;
    QVERIFY2(std::abs(*rows[0].perplexity / kDemoPerplexity - 1) < 1e-3,
             qPrintable(QString::number(*rows[0].perplexity)));
    // The project's own figure for asymmetric 4 bits in groups of 128 is about 1.90.
    QVERIFY2(std::abs(*rows[1].perplexity - 1.90) < 0.02, qPrintable(QString::number(*rows[1].perplexity)));
    QVERIFY(*rows[2].perplexity > *rows[0].perplexity && *rows[2].perplexity < *rows[1].perplexity);
    QVERIFY(*rows[1].meanDivergence > *rows[2].meanDivergence && *rows[2].meanDivergence > 0);
    QVERIFY(*rows[1].top1Agreement < 1 && *rows[1].top1Agreement > 0.8);
    QVERIFY(*rows[1].sizeBytes < *rows[2].sizeBytes && *rows[2].sizeBytes < *rows[0].sizeBytes);
    // 4-bit codes, an F16 scale and a 4-bit zero point in groups of 128.
    QVERIFY(std::abs(*rows[1].bitsPerWeight - (4 + 20.0 / 128)) < 1e-9);
    QVERIFY(!rows[1].decodeSpeedup);
    QCOMPARE(std::vector(told.begin(), told.begin() + 3), (std::vector<std::size_t>{0, 1, 2}));  // all rows wait
    QVERIFY(std::is_sorted(told.begin() + 3, told.end()) && told.size() >= 9);
  }

  // Made by another program (shared models, rtn_reference.json): weights only, all linears.
  void plainRoundingMatchesTheReference_data() {
    QTest::addColumn<QString>("entry");
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    QTest::newRow("8 bits per row, symmetric") << "w8_per_row_sym" << 8 << -1 << true;
    QTest::newRow("8 bits in groups of 32") << "w8_g32_sym" << 8 << 32 << true;
    QTest::newRow("5 bits in groups of 32") << "w5_g32_asym" << 5 << 32 << false;
    QTest::newRow("4 bits per row, symmetric") << "w4_per_row_sym" << 4 << -1 << true;
    QTest::newRow("4 bits in groups of 32, symmetric") << "w4_g32_sym" << 4 << 32 << true;
    QTest::newRow("4 bits in groups of 32") << "w4_g32_asym" << 4 << 32 << false;
    QTest::newRow("3 bits in groups of 32") << "w3_g32_asym" << 3 << 32 << false;
  }
  void plainRoundingMatchesTheReference() {
    QFETCH(QString, entry);
    QFETCH(int, bits);
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    const std::string models = (qs::test::sharedModelsFolder() / "").string();
    if (!QFile::exists(QString::fromStdString(models))) QSKIP("the shared models are not on this machine");
    if (!kWholeText) QSKIP("takes minutes under the address sanitizer");
    for (const std::string model : {"stories260K", "babyllama105"}) {
      const auto reference = nlohmann::json::parse(test::readFile(models + model + "/rtn_reference.json"));
      if (!reference.contains(entry.toStdString())) continue;
      const test::TempFolder folder;
      ComparisonRequest request{.methods = {{"rtn", settingsOf(bits, group, symmetric)}}};
      request.evaluationText = readText(models + model + "/eval.txt");
      request.windows = {.window = 255, .maxWindows = 48};
      request.decodeRepeats = 0;
      const auto rows = compareMethods(openCheckpoint(models + model), request, folder.path(), {}).rows;
      QVERIFY2(rows[0].status == RowStatus::Done, rows[0].error.c_str());
      const double expected = reference[entry.toStdString()]["perplexity"];
      const double ratio = *rows[0].perplexity / expected;
      // Scales are F16 here and F32 in the reference; the issue allows 1 %.
      QVERIFY2(std::abs(ratio - 1) < 0.01, qPrintable(QString::number(ratio)));
    }
  }

  // Made by another program (shared models, w8a8_reference.json): weights by row, inputs of every linear quantized.
  void quantizedInputsMatchTheReference_data() {
    QTest::addColumn<QString>("entry");
    QTest::addColumn<QString>("method");
    QTest::newRow("a scale a token") << "w8a8_per_token"
                                     << "int8-dynamic";
    QTest::newRow("one scale from eight windows") << "w8a8_per_tensor_static"
                                                  << "int8-static";
  }
  void quantizedInputsMatchTheReference() {
    QFETCH(QString, entry);
    QFETCH(QString, method);
    const std::string folder = (qs::test::sharedModelsFolder() / "stories260K").string();
    if (!QFile::exists(QString::fromStdString(folder))) QSKIP("the shared models are not on this machine");
    if (!kWholeText) QSKIP("takes minutes under the address sanitizer");
    const auto reference = nlohmann::json::parse(test::readFile(folder + "/w8a8_reference.json"));
    const test::TempFolder store;
    ComparisonRequest request{.methods = {{method.toStdString(), {}}}};
    request.base.calibration = {.textFile = folder + "/eval.txt", .runModel = true, .window = 255, .windows = 8};
    request.evaluationText = readText(folder + "/eval.txt");
    request.windows = {.window = 255, .maxWindows = reference["windows"]};
    request.decodeRepeats = 0;
    const ComparisonRow row = compareMethods(openCheckpoint(folder), request, store.path(), {}).rows.front();
    QVERIFY2(row.status == RowStatus::Done, row.error.c_str());
    const double ratio = *row.perplexity / reference[entry.toStdString()]["perplexity"].get<double>();
    QVERIFY2(std::abs(ratio - 1) < 0.01, qPrintable(QString::number(ratio)));
  }

  void aMethodThatFailsLeavesTheOthers() {
    const test::TempFolder folder;
    ComparisonRequest request = demoRequest(1);
    request.methods = {{"gptq", {}}, {"rtn", {}}};  // gptq needs calibration, and there is none
    const auto rows = compareMethods(openCheckpoint(kDemo), request, folder.path(), {}).rows;
    QCOMPARE(rows[0].status, RowStatus::Failed);
    QVERIFY2(rows[0].error.find("calibration") != std::string::npos, rows[0].error.c_str());
    QCOMPARE(rows[1].status, RowStatus::Done);
    QVERIFY(rows[1].perplexity.has_value());
  }

  void missingCalibrationNamesItsFile() {
    const test::TempFolder folder;
    ComparisonRequest request = demoRequest(2);
    request.methods = {{"int8-static", {}}, {"rtn", {}}};  // no calibration given
    request.base.calibration.activationsFile = folder.path() / "missing.safetensors";
    const auto rows = compareMethods(openCheckpoint(kDemo), request, folder.path() / "store", {}).rows;
    QCOMPARE(rows[0].status, RowStatus::Failed);
    QVERIFY(rows[0].error.find("missing.safetensors") != std::string::npos);
    QCOMPARE(rows[1].status, RowStatus::Done);
    QVERIFY(rows[1].perplexity && !rows[1].meanOutputRelativeError);
    QVERIFY(rows[1].error.find("missing.safetensors") != std::string::npos);
  }

  void aModelThatCannotBeRunKeepsItsSizes() {
    const test::TempFolder folder;
    std::filesystem::copy_file(kDemo + "/model.safetensors", folder.path() / "only.safetensors");
    ComparisonRequest request = demoRequest(2);
    request.methods = {{kUnquantized, {}}, {"rtn", {}}};
    const auto rows =
        compareMethods(openCheckpoint(folder.path() / "only.safetensors"), request, folder.path() / "store", {}).rows;
    for (const ComparisonRow& row : rows) {
      QCOMPARE(row.status, RowStatus::Done);
      QVERIFY(row.sizeBytes && !row.perplexity);
      QVERIFY(row.error.find("config.json") != std::string::npos);
    }
  }

  void cancellingMarksTheOpenRows() {
    const test::TempFolder folder;
    ComparisonRequest request = demoRequest(4);
    request.methods = {{kUnquantized, {}}, {"rtn", {}}, {"int8-dynamic", {}}};
    std::stop_source stop;
    std::map<std::size_t, RowStatus> last;
    const auto observer = [&](std::size_t row, const ComparisonRow& value) {
      last[row] = value.status;
      if (row == 1 && value.status == RowStatus::Running) stop.request_stop();
    };
    QVERIFY_EXCEPTION_THROWN(
        (void)compareMethods(openCheckpoint(kDemo), request, folder.path(), {.stop = stop.get_token()}, observer),
        Cancelled);
    QCOMPARE(last[0], RowStatus::Done);
    QCOMPARE(last[1], RowStatus::Cancelled);
    QCOMPARE(last[2], RowStatus::Cancelled);
  }

  void badRequestsAreRefusedAtOnce() {
    const test::TempFolder folder;
    ComparisonRequest request = demoRequest(1);
    QVERIFY_EXCEPTION_THROWN((void)compareMethods(openCheckpoint(kDemo), request, folder.path(), {}), Error);
    request.methods = {{"no-such-method", {}}};
    QVERIFY_EXCEPTION_THROWN((void)compareMethods(openCheckpoint(kDemo), request, folder.path(), {}), Error);
    request.methods = {{"rtn", settingsOf(99, 32, true)}};
    QVERIFY_EXCEPTION_THROWN((void)compareMethods(openCheckpoint(kDemo), request, folder.path(), {}), Error);
  }
};

QTEST_APPLESS_MAIN(TestCompareMethods)
#include "tst_compare_methods.moc"
