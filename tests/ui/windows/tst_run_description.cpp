#include <QtTest>
#include <cmath>
#include <set>

#include "core/quant/method_registry.h"
#include "core/session/compare_methods.h"
#include "ui/windows/run_description.h"

using namespace qs;

class TestRunDescription : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void noTwoMethodsLookTheSame() {
    std::set<std::pair<int, Marker>> looks{{styleOf(kUnquantized).slot, styleOf(kUnquantized).marker}};
    for (const MethodInfo& method : allMethods()) {
      const MethodStyle style = styleOf(method.id);
      QCOMPARE(style.slot, method.colorSlot);
      QVERIFY2(looks.insert({style.slot, style.marker}).second, method.id.c_str());
    }
    QCOMPARE(looks.size(), allMethods().size() + 1);
  }

  void runsAreCalledByWhatTellsThemApart() {
    QuantRequest four{.method = "gptq"};
    QuantRequest three = four;
    three.settings.set("bits", std::int64_t{3});
    QCOMPARE(runStyle(four).name, QString("GPTQ 4-bit"));
    QCOMPARE(runStyle({.method = "nf4"}).name, styleOf("nf4").name);
    QCOMPARE(runStyles(four, three).second.name, QString("GPTQ 3-bit"));
    QuantRequest fine = four;
    fine.settings.set("group_size", std::int64_t{64});
    const auto [a, b] = runStyles(four, fine);
    QVERIFY2(a.name.startsWith("GPTQ 4-bit, groups of 128"), qPrintable(a.name));
    QVERIFY2(b.name.startsWith("GPTQ 4-bit, groups of 64"), qPrintable(b.name));
  }

  void theTradeoffHidesNoFinishedRun() {
    using Status = ComparisonEntry::Status;
    const ComparisonEntry measured{
        .id = 1, .method = "RTN", .status = Status::Done, .sizeBytes = 300, .weightError = 0.03, .perplexity = 5.9};
    const ComparisonEntry unmeasured{
        .id = 2, .method = "GPTQ", .status = Status::Stored, .sizeBytes = 310, .weightError = 0.02};
    const ComparisonEntry atWork{.id = 3, .method = "AWQ", .status = Status::Running, .sizeBytes = 310};
    QString title;
    const auto byPerplexity = tradeoffPoints({measured, unmeasured, atWork}, &title);
    QCOMPARE(title, QString("perplexity"));
    QCOMPARE(byPerplexity.size(), std::size_t{2});
    QCOMPARE(byPerplexity[0].value, 5.9);
    QVERIFY(std::isnan(byPerplexity[1].value));
    const auto byError = tradeoffPoints({unmeasured, atWork}, &title);
    QCOMPARE(title, QString("mean weight error (%)"));
    QCOMPARE(byError.size(), std::size_t{1});
    QCOMPARE(byError[0].value, 2.0);
  }

  void theTableIsQuotedInCsvAndMarkdown() {
    const std::vector<ComparisonEntry> rows{{.id = 1,
                                             .method = "a|b",
                                             .settings = "x, \"y\"\rz",
                                             .status = ComparisonEntry::Status::Done,
                                             .sizeBytes = 300,
                                             .weightError = 0.1}};
    const QByteArray csv = toCsv(rows);
    QVERIFY2(csv.contains("\na|b,\"x, \"\"y\"\"\rz\",300,,0.1,,,,,,,,done,false\n"), csv);
    const QList<QByteArray> lines = toMarkdown(rows).split('\n');
    QCOMPARE(lines.size(), 4);  // the last one is empty
    QVERIFY(lines[1].startsWith("| --- | --- | ---: |") && lines[1].endsWith("| ---: | --- |"));
    QVERIFY2(lines[2].startsWith("| a\\|b | x, \"y\" z | 300"), lines[2]);
  }
};

QTEST_GUILESS_MAIN(TestRunDescription)
#include "tst_run_description.moc"
