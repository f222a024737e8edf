#include <QAccessible>
#include <QComboBox>
#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QScrollArea>
#include <QSpinBox>
#include <QTabBar>
#include <QTableView>
#include <QTreeView>

#include "tests/ui/windows/window_fixture.h"
#include "ui/charts/plot_view.h"
#include "ui/panels/message_bar.h"
#include "ui/support/item_roles.h"
#include "ui/windows/screenshot_run.h"

namespace {

using View = qs::ViewArea::View;
using Fixture = qs::test::WindowFixture;
using qs::test::kPatience;

}  // namespace

class TestMainWindow : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { QSettings().clear(); }

  void startsWithAStartPageAndNothingToRun() {
    Fixture f;
    QVERIFY(f.window.views().currentPlot() == nullptr);
    QVERIFY(!f.child<QPushButton>("runButton")->isEnabled());
    QVERIFY(f.child<QPushButton>("demoButton")->isVisible());
  }

  void closingKeepsTheSettingsUnlessTheWindowIsForPictures() {
    {
      Fixture f;
      const qs::ScreenshotRun pictures(f.window, {});
      f.window.setTheme(qs::Theme::Dark);
      f.window.close();
      QCOMPARE(QSettings().allKeys(), QStringList());
    }
    Fixture f;
    f.window.close();
    QVERIFY(QSettings().contains(QStringLiteral("theme")));
  }

  void settingsOutOfRangeAreTheUsualOnes_data() {
    QTest::addColumn<QVariant>("stored");
    QTest::newRow("one above the last") << QVariant(3);
    QTest::newRow("far above") << QVariant(1'000'000);
    QTest::newRow("negative") << QVariant(-1);
    QTest::newRow("no number") << QVariant("dark");
  }
  void settingsOutOfRangeAreTheUsualOnes() {
    QFETCH(QVariant, stored);
    for (const char* key : {"theme", "priority"}) QSettings().setValue(QLatin1String(key), stored);
    QSettings().setValue(QStringLiteral("threads"), stored == 3 ? QVariant(257) : stored);
    Fixture f;
    f.window.restoreWindowState();
    QVERIFY(f.window.actions().themeSystem->isChecked());
    f.window.actions().preferences->trigger();
    auto* dialog = f.window.findChild<QDialog*>();
    QVERIFY(dialog != nullptr);
    QCOMPARE(dialog->findChild<QComboBox*>()->currentText(), QStringLiteral("Low"));
    QCOMPARE(dialog->findChild<QSpinBox*>()->value(), 0);
  }

  void settingsInRangeAreKept() {
    QSettings().setValue(QStringLiteral("theme"), static_cast<int>(qs::Theme::Dark));
    QSettings().setValue(QStringLiteral("priority"), static_cast<int>(qs::WorkerPriority::Idle));
    QSettings().setValue(QStringLiteral("threads"), 3);
    Fixture f;
    f.window.restoreWindowState();
    QVERIFY(f.window.actions().themeDark->isChecked());
    f.window.actions().preferences->trigger();
    auto* dialog = f.window.findChild<QDialog*>();
    QCOMPARE(dialog->findChild<QComboBox*>()->currentText(), QStringLiteral("Idle"));
    QCOMPARE(dialog->findChild<QSpinBox*>()->value(), 3);
    f.window.setTheme(qs::Theme::System);
  }

  void openingAModelFillsTheTreeAndEveryViewOfTheFirstLayer() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.bench().tree.rowCount() > 0);
    for (const View view : {View::Distribution, View::Channels, View::Heatmap}) {
      QVERIFY2(f.window.views().plot(view)->hasData(), qPrintable(qs::ViewArea::title(view)));
      QCOMPARE(f.window.views().plot(view)->state(), qs::PlotState::Ready);
    }
    QCOMPARE(f.bench().comparison.rows().size(), std::size_t{1});
    QVERIFY(f.window.windowTitle().startsWith(QStringLiteral("tiny")));
    QCOMPARE(f.bench().recent.paths().front(), f.model);
  }

  void aResetLayoutLeavesNoEmptyTabs() {
    Fixture f;
    f.window.docks().resetLayout();
    f.window.docks().resetLayout();
    QTest::qWait(50);
    int shown = 0;
    for (const QTabBar* tabs : f.window.findChildren<QTabBar*>(Qt::FindDirectChildrenOnly)) {
      QVERIFY(tabs->count() > 0 || !tabs->isVisible());
      shown += tabs->isVisible() ? 1 : 0;
    }
    QCOMPARE(shown, 1);
  }

  // Opening reads headers only: a layer of more than four million weights waits until it is asked for.
  void aLargeLayerIsReadWhenItIsAskedFor() {
    Fixture f;
    const qs::Matrix large(2, 2'100'000);
    qs::test::writeModel(f.model.toStdString(), {{"model.layers.0.mlp.down_proj.weight", large}});
    QSignalSpy opened(&f.bench().model, &qs::ModelController::modelChanged);
    f.window.open(f.model);
    QVERIFY(opened.wait(kPatience));
    qs::PlotView* plot = f.window.views().plot(View::Distribution);
    QVERIFY(!f.bench().preview.isBusy() && f.bench().preview.layer().isEmpty());
    QCOMPARE(plot->state(), qs::PlotState::Empty);
    QTest::mouseClick(plot->findChild<QPushButton*>(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().preview.preview() != nullptr, kPatience);
    QCOMPARE(plot->state(), qs::PlotState::Ready);
  }

  void aMissingOrMalformedFileIsAMessageAndKeepsTheModel_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("a file that isn't there") << QByteArray();
    QTest::newRow("a header longer than the file") << QByteArray("\xff\xff\xff\x7f\0\0\0\0{}", 10);
    QTest::newRow("no JSON in the header") << QByteArray("\x04\0\0\0\0\0\0\0nope", 12);
  }
  void aMissingOrMalformedFileIsAMessageAndKeepsTheModel() {
    QFETCH(QByteArray, bytes);
    Fixture f;
    QVERIFY(f.open());
    if (!bytes.isEmpty()) f.folder.write("bad.safetensors", {bytes.data(), static_cast<std::size_t>(bytes.size())});
    f.window.open(f.path("bad.safetensors"));
    QTRY_VERIFY_WITH_TIMEOUT(f.window.messages().isVisible(), kPatience);
    QVERIFY(f.window.messages().message().why.contains(QStringLiteral("bad.safetensors")));
    QVERIFY(!f.window.messages().message().whatToDo.isEmpty());
    QVERIFY(f.bench().model.model() != nullptr);
  }

  void typingInTheFilterLeavesTheMatchingTensors() {
    Fixture f;
    QVERIFY(f.open());
    auto* filter = f.child<QLineEdit>("tensorFilter");
    f.window.actions().find->trigger();
    QTest::keyClicks(filter, QStringLiteral("1 down"));
    QTRY_COMPARE(f.bench().filter.rowCount(), 1);
    const QModelIndex block = f.bench().filter.index(0, 0);
    QCOMPARE(f.bench().filter.rowCount(block), 1);
    QTest::keyClicks(filter, QStringLiteral("x"));
    const auto* none = f.child<QLabel>("noTensors");
    QTRY_VERIFY(none->isVisible());
    QVERIFY2(none->text().contains(QStringLiteral("“1 downx”")), qPrintable(none->text()));
    QVERIFY(!f.child<QTreeView>("tensorTree")->isVisible());
    QTest::keyClick(filter, Qt::Key_Backspace);
    QTRY_VERIFY(!none->isVisible());
    QVERIFY(f.child<QTreeView>("tensorTree")->isVisible());
  }

  void quittingDuringARunAsksOnce() {
    Fixture f;
    QVERIFY(f.open());
    f.click("runButton");
    QVERIFY(f.bench().isRunning());
    const auto question = [&f] { return f.child<QMessageBox>("quitQuestion"); };
    QVERIFY(!f.window.close());
    QVERIFY(question() != nullptr);
    QCOMPARE(question()->defaultButton()->text(), QStringLiteral("Keep running"));
    QVERIFY(!f.window.close());  // it is asked already
    QCOMPARE(f.window.findChildren<QMessageBox*>().size(), 1);
    QTest::keyClick(question(), Qt::Key_Escape);
    QTRY_VERIFY(question() == nullptr);
    QVERIFY(f.window.isVisible());
    QTRY_VERIFY_WITH_TIMEOUT(!f.bench().isRunning(), kPatience);
    f.bench().startRun();
    QVERIFY(!f.window.close());
    QTest::mouseClick(f.child<QPushButton>("quitAnyway"), Qt::LeftButton);
    QTRY_VERIFY(!f.window.isVisible());
  }

  void clickingATensorShowsIt() {
    Fixture f;
    QVERIFY(f.open());
    const QString before = f.bench().preview.layer();
    auto* tree = f.child<QTreeView>("tensorTree");
    const auto found = tree->model()->match(tree->model()->index(0, 0), qs::LayerRole, QStringLiteral("*.1.*q_proj"), 1,
                                            Qt::MatchWildcard | Qt::MatchRecursive);
    const QModelIndex wanted = found.value(0);
    QVERIFY(wanted.isValid());
    tree->scrollTo(wanted);
    QTest::mouseClick(tree->viewport(), Qt::LeftButton, {}, tree->visualRect(wanted).center());
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().preview.layer() != before && f.bench().preview.preview() != nullptr, kPatience);
    QVERIFY(f.bench().preview.layer().contains(QStringLiteral(".1.")));
  }

  void droppingAFileOpensIt() {
    Fixture f;
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile(f.model)});
    QDragEnterEvent enter({40, 40}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(&f.window, &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent drop({40, 40}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(&f.window, &drop);
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().preview.preview() != nullptr, kPatience);
    QCOMPARE(f.bench().model.path(), f.model);
  }

  void theFocusGoesFromPanelToPanel() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(QTest::qWaitForWindowActive(&f.window));
    f.child<QLineEdit>("tensorFilter")->setFocus();
    f.window.actions().nextPane->trigger();
    QCOMPARE(QApplication::focusWidget(), f.window.views().currentPlot());
    f.window.actions().nextPane->trigger();
    QCOMPARE(QApplication::focusWidget(), f.child<QComboBox>("methodBox"));
    f.window.actions().previousPane->trigger();
    f.window.actions().previousPane->trigger();
    QCOMPARE(QApplication::focusWidget(), f.child<QLineEdit>("tensorFilter"));
  }

  void tabLeavesATable() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(QTest::qWaitForWindowActive(&f.window));
    auto* table = f.child<QTableView>("comparisonTable");
    table->setFocus();
    table->selectRow(0);
    QTest::keyClick(table, Qt::Key_Tab);
    QVERIFY(!table->hasFocus());
    QCOMPARE(table->currentIndex().column(), 0);
    for (const QTableView* each : f.window.findChildren<QTableView*>()) QVERIFY(!each->tabKeyNavigation());
  }

  void noErrorOfALayerIsElided() {
    Fixture f;
    QVERIFY(f.open());
    const auto* tree = f.child<QTreeView>("tensorTree");
    const QModelIndex layer = f.bench().tree.indexOfLayer(QStringLiteral("model.layers.0.mlp.down_proj"));
    for (const double error : {0.0000437, 0.00000437, 0.437, 0.0437, 0.000437, 4.37e-12}) {
      auto report = std::make_shared<qs::LayerReport>();
      report->name = "model.layers.0.mlp.down_proj";
      report->metrics.weightRelativeError = error;
      f.bench().tree.setLayerReports({report});
      const QModelIndex cell = layer.siblingAtColumn(qs::ModelTreeModel::ErrorColumn);
      const int width = tree->fontMetrics().horizontalAdvance(cell.data().toString());
      QVERIFY2(width + 8 <= tree->columnWidth(qs::ModelTreeModel::ErrorColumn), qPrintable(cell.data().toString()));
      const QString tip = cell.data(Qt::ToolTipRole).toString();
      QVERIFY2(QString(tip).remove(QLatin1Char('.')).contains(QStringLiteral("437000")), qPrintable(tip));
    }
  }

  void aLetterActsInThePlotOnly() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(QTest::qWaitForWindowActive(&f.window));
    auto* filter = f.child<QLineEdit>("tensorFilter");
    filter->setFocus();
    QTest::keyClick(filter, Qt::Key_L);
    QVERIFY(f.window.actions().logCounts->isChecked());
    f.window.views().currentPlot()->setFocus();
    QTest::keyClick(f.window.views().currentPlot(), Qt::Key_L);
    QVERIFY(!f.window.actions().logCounts->isChecked());
    QVERIFY(!f.window.views().currentPlot()->yAxis().log);
  }

  void shortcutsChooseViews() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(QTest::qWaitForWindowActive(&f.window));
    QTest::keyClick(&f.window, Qt::Key_3, Qt::AltModifier);
    QCOMPARE(f.window.views().currentPlot(), f.window.views().plot(View::Heatmap));
    QTest::keyClick(&f.window, Qt::Key_1, Qt::AltModifier);
    QCOMPARE(f.window.views().currentPlot(), f.window.views().plot(View::Distribution));
  }

  void everyActionIsInAMenuAndEveryShortcutNamesOne() {
    Fixture f;
    QSet<const QAction*> listed;
    QHash<QKeySequence, QString> owners;
    for (const QMenu* menu : f.window.menuBar()->findChildren<QMenu*>()) {
      for (const QAction* action : menu->actions()) {
        listed.insert(action);
        if (action->shortcut().isEmpty()) continue;
        QVERIFY2(!owners.contains(action->shortcut()), qPrintable(action->text()));
        owners.insert(action->shortcut(), action->text());
      }
    }
    for (const QAction* action : f.window.findChildren<QAction*>()) {
      if (!action->shortcut().isEmpty()) QVERIFY2(listed.contains(action), qPrintable(action->text()));
    }
  }

  void everyWidgetThatTakesTheFocusTellsItsName() {
    Fixture f;
    QVERIFY(f.open());
    QStringList nameless;
    for (QWidget* widget : f.window.findChildren<QWidget*>()) {
      const bool takesFocus = (widget->focusPolicy() & Qt::TabFocus) != 0 && widget->focusProxy() == nullptr;
      if (!takesFocus || widget->isHidden()) continue;
      const bool isInner = qobject_cast<QComboBox*>(widget->parentWidget()) != nullptr ||
                           qobject_cast<QAbstractSpinBox*>(widget->parentWidget()) != nullptr;
      const bool isFrame = qobject_cast<QScrollArea*>(widget) != nullptr ||
                           qobject_cast<QTabWidget*>(widget) != nullptr || qobject_cast<QTabBar*>(widget) != nullptr ||
                           widget->inherits("QComboBoxListView");
      const QAccessibleInterface* told = QAccessible::queryAccessibleInterface(widget);
      if (!isInner && !isFrame && (told == nullptr || told->text(QAccessible::Name).isEmpty())) {
        nameless << QLatin1String(widget->metaObject()->className()) + QLatin1Char(' ') + widget->objectName();
      }
    }
    QVERIFY2(nameless.isEmpty(), qPrintable(nameless.join(QStringLiteral(", "))));
  }

  void closingTheModelGoesBackToTheStart() {
    Fixture f;
    QVERIFY(f.open());
    f.window.actions().close->trigger();
    QVERIFY(f.window.views().currentPlot() == nullptr);
    QCOMPARE(f.bench().tree.rowCount(), 0);
    QVERIFY(!f.child<QPushButton>("runButton")->isEnabled());
  }
};

QTEST_MAIN(TestMainWindow)
#include "tst_main_window.moc"
