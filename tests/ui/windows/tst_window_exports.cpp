#include <QComboBox>
#include <QDialog>
#include <QFileDialog>
#include <QLineEdit>
#include <QListWidget>

#include <algorithm>

#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "tests/ui/windows/window_fixture.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/method_form.h"
#include "ui/windows/export_menu.h"

namespace {

using Fixture = qs::test::WindowFixture;
using qs::test::kPatience;

}  // namespace

class TestWindowExports : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { QSettings().clear(); }

  void exportsTableDataAndPictures() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.run());
    f.window.exports().writeTable(f.path("table.csv"));
    const std::string csv = qs::test::readFile(f.path("table.csv").toStdString());
    QCOMPARE(std::count(csv.begin(), csv.end(), '\n'), 3);
    QVERIFY(csv.starts_with("method,settings,size_bytes"));
    f.window.exports().writeTable(f.path("table.md"));
    QVERIFY(qs::test::readFile(f.path("table.md").toStdString()).find("| ---: ") != std::string::npos);
    for (const char* name : {"plot.png", "plot.svg"}) {
      f.window.exports().writePlot(f.path(name));
      QVERIFY(QFileInfo(f.path(name)).size() > 1000);
    }
    f.window.exports().writePlotData(f.path("plot.csv"));
    QVERIFY(QFileInfo(f.path("plot.csv")).size() > 1000);
  }

  void exportsQuantizedLayers() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.run());
    QSignalSpy exported(&f.bench().exports, &qs::ExportController::exported);
    f.window.exports().writeModel(QStringLiteral("safetensors"), f.path("out.safetensors"));
    QTRY_COMPARE_WITH_TIMEOUT(exported.count(), 1, kPatience);
    QVERIFY(QFileInfo(f.path("out.safetensors")).size() > 1000);
  }

  void anExportNeverReplacesTheOpenedModel() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.run());
    const std::string before = qs::test::readFile(f.model.toStdString());
    f.window.exports().writeModel(QStringLiteral("safetensors"), f.model);
    QTRY_VERIFY_WITH_TIMEOUT(f.window.messages().isVisible(), kPatience);
    QVERIFY2(f.window.messages().message().why.contains(QStringLiteral("is the opened model itself")),
             qPrintable(f.window.messages().message().why));
    QCOMPARE(qs::test::readFile(f.model.toStdString()), before);
  }

  void theExportDialogOffersEveryFormatAndSaysWhatStandsInTheWay() {
    Fixture f;
    f.folder.write("config.json", R"({"model_type":"other"})");
    QVERIFY(f.open());
    QVERIFY(f.run());
    f.window.actions().exportModel->trigger();
    auto* dialog = f.window.findChild<QDialog*>(QStringLiteral("exportDialog"));
    QVERIFY(dialog != nullptr);
    auto* formats = dialog->findChild<QComboBox*>(QStringLiteral("exportFormat"));
    auto* findings = dialog->findChild<QListWidget*>(QStringLiteral("findings"));
    auto* start = dialog->findChild<QPushButton*>(QStringLiteral("startExport"));
    QCOMPARE(formats->count(), static_cast<int>(qs::allExporters().size()));
    QTRY_VERIFY_WITH_TIMEOUT(start->isEnabled(), kPatience);
    // The run's groups of 128 are longer than the rows of 64.
    formats->setCurrentIndex(formats->findData(QStringLiteral("gptq")));
    QVERIFY(dialog->findChild<QComboBox*>(QStringLiteral("gptqVersion"))->isVisibleTo(dialog));
    QTRY_VERIFY_WITH_TIMEOUT(findings->item(0)->text().contains(QStringLiteral("group size 128")), kPatience);
    QVERIFY(!start->isEnabled());
    formats->setCurrentIndex(formats->findData(QStringLiteral("dequantized")));
    QTRY_VERIFY_WITH_TIMEOUT(start->isEnabled(), kPatience);
    dialog->reject();
  }

  void aSaveDialogProposesANameInTheFolderUsedLast() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.run());
    const auto dialog = [&f] {
      QFileDialog* open = nullptr;
      for (QFileDialog* each : f.window.findChildren<QFileDialog*>())
        if (each->isVisible()) open = each;
      return open;
    };
    f.window.actions().exportTableCsv->trigger();
    QVERIFY(dialog() != nullptr);
    QCOMPARE(QFileInfo(dialog()->selectedFiles().value(0)).fileName(), QStringLiteral("tiny-comparison.csv"));
    Q_EMIT dialog()->fileSelected(f.path("table.csv"));
    dialog()->close();
    f.window.actions().exportPlot->trigger();
    QVERIFY(dialog() != nullptr);
    QCOMPARE(dialog()->selectedFiles().value(0), f.path("tiny-rtn-distribution.png"));
    dialog()->close();
  }

  void aRunIsWrittenToAFormatWithScalesOfItsOwnType() {
    Fixture f;
    f.folder.write("config.json", R"({"model_type":"other"})");
    QVERIFY(f.open());
    auto* box = f.window.docks().method->findChild<QWidget*>(QStringLiteral("group_size"))->findChild<QComboBox*>();
    box->lineEdit()->selectAll();
    QTest::keyClicks(box->lineEdit(), QStringLiteral("32"));
    QTest::keyClick(box->lineEdit(), Qt::Key_Return);
    QVERIFY(f.run());
    QSignalSpy exported(&f.bench().exports, &qs::ExportController::exported);
    f.window.exports().writeModel(QStringLiteral("gptq"), f.path("out-gptq"));
    QTRY_COMPARE_WITH_TIMEOUT(exported.count(), 1, kPatience);
    QVERIFY(exported.first().at(1).toString().contains(QStringLiteral("none differs")));
    QVERIFY(QFileInfo::exists(f.path("out-gptq/model.safetensors")));
  }

  void anUnwritableExportIsAMessageAndLeavesNoFile() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.run());
    f.window.exports().writeTable(QStringLiteral("/nowhere/at/all/table.csv"));
    QVERIFY(f.window.messages().isVisible());
    QVERIFY(f.window.messages().message().what.contains(QStringLiteral("/nowhere/at/all/table.csv")));
    f.window.messages().dismiss();
    f.window.exports().writeModel(QStringLiteral("safetensors"), QStringLiteral("/nowhere/at/all/out.safetensors"));
    QTRY_VERIFY_WITH_TIMEOUT(f.window.messages().isVisible(), kPatience);
  }
};

QTEST_MAIN(TestWindowExports)
#include "tst_window_exports.moc"
