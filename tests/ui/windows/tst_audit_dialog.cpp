#include <QAbstractItemModelTester>
#include <QCheckBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTableView>
#include <QtTest>
#include <algorithm>

#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"
#include "ui/models/audit_model.h"
#include "ui/panels/audit_table.h"
#include "ui/support/item_roles.h"
#include "ui/windows/audit_dialog.h"
#include "ui/windows/main_window.h"

namespace {

constexpr int kPatience = 30'000;  ///< ms: a loaded machine is no fault
constexpr const char* kFaulty = "model.layers.1.mlp.up_proj";

/// A window with a model, and a checkpoint of it in which one layer is another's and the head is missing.
struct Fixture {
  qs::test::TempFolder folder;
  qs::MainWindow window;

  Fixture() : window({QCoreApplication::applicationDirPath().toStdString(), folder.path() / "runs"}) {
    auto tensors = qs::test::tinyModel();
    qs::test::writeModel((folder.path() / "tiny.safetensors"), tensors);
    tensors.pop_back();
    for (auto& tensor : tensors)
      if (tensor.name == std::string(kFaulty) + ".weight") std::ranges::reverse(tensor.values.values());
    qs::test::writeModel((folder.path() / "faulty.safetensors"), tensors);
    window.show();
  }
  [[nodiscard]] QString path(const char* name) const { return QString::fromStdString((folder.path() / name).string()); }
  [[nodiscard]] qs::Workbench& bench() { return window.workbench(); }
  [[nodiscard]] bool open() {
    window.open(path("tiny.safetensors"));
    return QTest::qWaitFor([&] { return bench().preview.preview() != nullptr; }, kPatience);
  }
  [[nodiscard]] qs::AuditDialog* dialog() {
    window.actions().auditCheckpoint->trigger();
    return window.findChild<qs::AuditDialog*>();
  }
  // Types the checkpoint's path, presses Enter and waits for the end.
  [[nodiscard]] bool audit(qs::AuditDialog& dialog, const char* checkpoint) {
    auto* edit = dialog.findChild<QLineEdit*>(QStringLiteral("quantized"));
    edit->clear();
    QTest::keyClicks(edit, path(checkpoint));
    QSignalSpy done(&bench().audit, &qs::AuditController::busyChanged);
    QTest::keyClick(edit, Qt::Key_Return);
    return QTest::qWaitFor([&] { return done.count() == 2; }, kPatience);
  }
};

QTableView* tableOf(qs::AuditDialog& dialog) { return dialog.findChild<QTableView*>(QStringLiteral("auditTable")); }

QPoint middleOf(const QTableView& table, const QModelIndex& index) { return table.visualRect(index).center(); }

}  // namespace

class TestAuditDialog : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { QSettings().clear(); }

  void theModelIsSound() {
    auto report = std::make_shared<qs::AuditReport>();
    report->tensors = {{.name = "a.weight", .quantizedType = "F16", .figures = qs::AuditFigures{30, 0.99, 0.1}},
                       {.name = "b.weight", .faults = {{qs::FaultKind::Missing, "is not in the checkpoint"}}}};
    qs::AuditModel model;
    const QAbstractItemModelTester tester(&model);
    model.setReport(report);
    QCOMPARE(model.rowCount(), 2);
    QCOMPARE(model.index(0, qs::AuditModel::SqnrColumn).data(qs::SortRole).toDouble(), 30.0);
    QVERIFY(model.index(1, 0).data(qs::FailedRole).toBool());
    QVERIFY(model.index(1, 0).data(Qt::ToolTipRole).toString().contains(QStringLiteral("is not in the checkpoint")));
  }

  void startsOnlyWithACheckpointNamed() {
    Fixture f;
    auto* dialog = f.dialog();
    auto* start = dialog->findChild<QPushButton*>(QStringLiteral("startAudit"));
    QTest::keyClicks(dialog->findChild<QLineEdit*>(QStringLiteral("quantized")), QStringLiteral("x"));
    QVERIFY(!start->isEnabled());  // no original
    QTest::keyClicks(dialog->findChild<QLineEdit*>(QStringLiteral("original")), QStringLiteral("y"));
    QVERIFY(start->isEnabled());
  }

  void faultsAreShownAndADoubleClickSelectsTheLayer() {
    Fixture f;
    QVERIFY(f.open());
    auto* dialog = f.dialog();
    QVERIFY(f.audit(*dialog, "faulty.safetensors"));
    auto* table = tableOf(*dialog);
    QCOMPARE(table->model()->rowCount(), static_cast<int>(qs::test::tinyModel().size()));
    QVERIFY(dialog->findChild<QLabel*>(QStringLiteral("auditSummary"))->text().contains(QStringLiteral("2")));
    auto* only = dialog->findChild<QCheckBox*>(QStringLiteral("faultsOnly"));
    QTest::mouseClick(only, Qt::LeftButton, {}, QPoint(8, only->height() / 2));
    QCOMPARE(table->model()->rowCount(), 2);
    const QModelIndex row = table->model()->index(0, 0);
    QCOMPARE(row.data(qs::NameRole).toString(), QStringLiteral("model.layers.1.mlp.up_proj.weight"));
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, middleOf(*table, row));
    const auto* details = dialog->findChild<QLabel*>(QStringLiteral("auditDetails"));
    QVERIFY2(details->text().contains(QStringLiteral("no known fault")), qPrintable(details->text()));
    QTest::mouseDClick(table->viewport(), Qt::LeftButton, {}, middleOf(*table, row));
    QTRY_COMPARE(f.bench().tensor(), row.data(qs::NameRole).toString());
  }

  void aClickOnAHeaderSorts() {
    Fixture f;
    QVERIFY(f.open());
    auto* dialog = f.dialog();
    QVERIFY(f.audit(*dialog, "faulty.safetensors"));
    auto* table = tableOf(*dialog);
    auto* header = table->horizontalHeader();
    const QPoint at(header->sectionViewportPosition(qs::AuditModel::SqnrColumn) + 10, header->height() / 2);
    QTest::mouseClick(header->viewport(), Qt::LeftButton, {}, at);
    if (header->sortIndicatorOrder() == Qt::DescendingOrder)
      QTest::mouseClick(header->viewport(), Qt::LeftButton, {}, at);
    QCOMPARE(table->model()->index(0, 0).data(qs::NameRole).toString(),
             QStringLiteral("model.layers.1.mlp.up_proj.weight"));
  }

  void aCheckpointThatDoesntOpenIsTold() {
    Fixture f;
    QVERIFY(f.open());
    auto* dialog = f.dialog();
    QVERIFY(f.audit(*dialog, "faulty.safetensors"));
    QVERIFY(tableOf(*dialog)->model()->rowCount() > 0);
    QVERIFY(f.audit(*dialog, "none"));  // what was found before is of another checkpoint
    QVERIFY(dialog->findChild<QLabel*>(QStringLiteral("auditSummary"))->text().contains(QStringLiteral("none")));
    QCOMPARE(tableOf(*dialog)->model()->rowCount(), 0);
  }

  void closingTheDialogCancelsTheWork_data() {
    QTest::addColumn<bool>("byKey");
    QTest::newRow("its window is closed") << false;
    QTest::newRow("Esc") << true;
  }
  void closingTheDialogCancelsTheWork() {
    QFETCH(bool, byKey);
    Fixture f;
    QVERIFY(f.open());
    auto* dialog = f.dialog();
    auto* edit = dialog->findChild<QLineEdit*>(QStringLiteral("quantized"));
    QTest::keyClicks(edit, f.path("faulty.safetensors"));
    QTest::mouseClick(dialog->findChild<QPushButton*>(QStringLiteral("startAudit")), Qt::LeftButton);
    QVERIFY(f.bench().audit.isBusy());
    QSignalSpy cancelled(dialog, &qs::AuditDialog::cancelRequested);
    if (byKey) QTest::keyClick(dialog, Qt::Key_Escape);
    if (!byKey) dialog->close();
    QCOMPARE(cancelled.count(), 1);
    QTRY_VERIFY_WITH_TIMEOUT(!f.bench().audit.isBusy(), kPatience);
  }

  void everyEditHasANameForScreenReaders() {
    Fixture f;
    auto* dialog = f.dialog();
    for (const QWidget* widget : dialog->findChildren<QWidget*>())
      if (qobject_cast<const QLineEdit*>(widget) != nullptr || qobject_cast<const QTableView*>(widget) != nullptr)
        QVERIFY2(!widget->accessibleName().isEmpty(), qPrintable(widget->objectName()));
  }
};

QTEST_MAIN(TestAuditDialog)
#include "tst_audit_dialog.moc"
