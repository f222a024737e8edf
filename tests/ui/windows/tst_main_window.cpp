#include <QAccessible>
#include <QComboBox>
#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenuBar>
#include <QMimeData>
#include <QPushButton>
#include <QScrollArea>
#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTabBar>
#include <QTableView>
#include <QToolButton>
#include <QTreeView>
#include <QtTest>

#include <algorithm>

#include "core/base/error.h"
#include "core/exporters/exporter_registry.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"
#include "ui/charts/plot_view.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/method_form.h"
#include "ui/panels/progress_strip.h"
#include "ui/support/item_roles.h"
#include "ui/windows/export_menu.h"
#include "ui/windows/main_window.h"
#include "ui/windows/view_area.h"

namespace {

using View = qs::ViewArea::View;
constexpr int kPatience = 30'000;  ///< ms: a loaded machine is no fault

/// A window of its own with a small model to open.
struct Fixture {
  qs::test::TempFolder folder;
  QString model;
  qs::MainWindow window;

  Fixture() : window({QCoreApplication::applicationDirPath().toStdString(), folder.path() / "runs"}) {
    model = path("tiny.safetensors");
    qs::test::writeModel(model.toStdString(), qs::test::tinyModel());
    window.show();
  }
  [[nodiscard]] QString path(const char* name) const { return QString::fromStdString((folder.path() / name).string()); }
  [[nodiscard]] qs::Workbench& bench() { return window.workbench(); }
  template <typename Widget>
  [[nodiscard]] Widget* child(const char* name) {
    return window.findChild<Widget*>(QLatin1String(name));
  }
  void click(const char* button) { QTest::mouseClick(child<QPushButton>(button), Qt::LeftButton); }
  [[nodiscard]] bool open() {
    window.open(model);
    return QTest::qWaitFor([&] { return bench().preview.preview() != nullptr; }, kPatience);
  }
  [[nodiscard]] bool run() {
    const std::size_t rows = bench().comparison.rows().size();
    click("runButton");
    return QTest::qWaitFor([&] { return !bench().run.isBusy() && bench().comparison.rows().size() > rows; }, kPatience);
  }
};

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

  void changingASettingRedrawsTheSelectedLayer() {
    Fixture f;
    QVERIFY(f.open());
    const double before = f.bench().preview.preview()->report.metrics.weightMse;
    auto* editor = f.window.docks().method->findChild<QWidget*>(QStringLiteral("bits"));
    auto* box = editor->findChild<QSpinBox*>();
    QVERIFY(box != nullptr);
    box->setFocus();
    QTest::keyClick(box, Qt::Key_Down);
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().preview.preview() && f.bench().preview.preview()->report.scheme.bits == 3,
                             kPatience);
    QVERIFY(f.bench().preview.preview()->report.metrics.weightMse > before);
    f.window.actions().undo->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().preview.preview() && f.bench().preview.preview()->report.scheme.bits == 4,
                             kPatience);
    QCOMPARE(box->value(), 4);
  }

  void aSettingOutOfRangeIsAMessage() {
    Fixture f;
    QVERIFY(f.open());
    auto* box = f.window.docks().method->findChild<QWidget*>(QStringLiteral("group_size"))->findChild<QComboBox*>();
    box->lineEdit()->selectAll();
    QTest::keyClicks(box->lineEdit(), QStringLiteral("-7"));
    QTest::keyClick(box->lineEdit(), Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(f.window.messages().isVisible(), kPatience);
    QVERIFY2(f.window.messages().message().why.contains(QStringLiteral("group_size")),
             qPrintable(f.window.messages().message().why));
  }

  void aRunBecomesARowAndFillsAllLayers() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.run());
    const auto& row = f.bench().comparison.rows().back();
    QCOMPARE(row.method, QStringLiteral("RTN"));
    QVERIFY(row.sizeBytes && row.bitsPerWeight && row.weightError);
    QVERIFY(*row.bitsPerWeight > 4 && *row.bitsPerWeight < 5);
    QVERIFY(f.window.views().plot(View::AllLayers)->hasData());
    QVERIFY(f.window.views().plot(View::Tradeoff)->hasData());
    QVERIFY(f.run());  // the same again comes from the store
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().comparison.rows().back().status == qs::ComparisonEntry::Status::Stored,
                             kPatience);
  }

  void cancellingARunLeavesNoRow() {
    Fixture f;
    QVERIFY(f.open());
    QSignalSpy ended(&f.bench().run, &qs::RunController::busyChanged);
    f.click("runButton");
    QVERIFY(f.bench().run.isBusy());
    f.click("cancelButton");
    QTRY_COMPARE_WITH_TIMEOUT(ended.count(), 2, kPatience);
    QCOMPARE(f.bench().comparison.rows().size(), f.bench().shownRun() ? std::size_t{2} : std::size_t{1});
  }

  /// Of a stopped training its best step is kept, as a row; what it would take is said before it starts.
  void aStoppedTrainingKeepsItsBestStep() {
    Fixture f;
    f.window.open(qs::ModelController::kDemo);
    QVERIFY(QTest::qWaitFor([&] { return f.bench().preview.preview() != nullptr; }, kPatience));
    QComboBox* methods = f.child<QComboBox>("methodBox");
    methods->setCurrentIndex(methods->findData(QStringLiteral("qat-model")));
    const QLabel* note = f.child<QLabel>("runNote");
    QTRY_VERIFY_WITH_TIMEOUT(note->isVisible() && note->text().contains(QStringLiteral("whole model: ")), kPatience);
    QSignalSpy curves(&f.bench().run, &qs::RunController::curvesGrown);
    f.click("runButton");
    QTRY_VERIFY_WITH_TIMEOUT(!curves.isEmpty(), kPatience);
    f.click("cancelButton");
    QTRY_VERIFY_WITH_TIMEOUT(!f.bench().run.isBusy(), kPatience);
    const auto& row = f.bench().comparison.rows().back();
    QCOMPARE(row.method, QStringLiteral("Model QAT"));
    QVERIFY(row.status == qs::ComparisonEntry::Status::Stopped);
    QVERIFY2(row.note.contains(QStringLiteral("of 250; the best step so far")), qPrintable(row.note));
    QVERIFY(row.weightError && f.bench().shownRun() != nullptr);
    QVERIFY(f.window.messages().isVisible());
    methods->setCurrentIndex(methods->findData(QStringLiteral("rtn")));
    QTRY_VERIFY_WITH_TIMEOUT(!note->isVisible(), kPatience);
  }

  void cancellingTwiceGivesTheTrainingUp() {
    Fixture f;
    f.window.open(qs::ModelController::kDemo);
    QVERIFY(QTest::qWaitFor([&] { return f.bench().preview.preview() != nullptr; }, kPatience));
    QComboBox* methods = f.child<QComboBox>("methodBox");
    methods->setCurrentIndex(methods->findData(QStringLiteral("qat-model")));
    QSignalSpy curves(&f.bench().run, &qs::RunController::curvesGrown);
    QSignalSpy busy(&f.bench().run, &qs::RunController::busyChanged);
    QSignalSpy cancelled(&f.bench().run, &qs::RunController::cancelled);
    f.click("runButton");
    QTRY_VERIFY_WITH_TIMEOUT(!curves.isEmpty(), kPatience);
    f.click("cancelButton");
    QTRY_VERIFY_WITH_TIMEOUT(busy.count() >= 3, kPatience);  // the conversion has begun
    f.bench().run.cancel();
    QTRY_COMPARE_WITH_TIMEOUT(cancelled.count(), 1, kPatience);
    QCOMPARE(f.bench().comparison.rows().size(), std::size_t{1});
  }

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

  void globsChooseTheLayersOfARun() {
    Fixture f;
    QVERIFY(f.open());
    auto* globs = f.child<QLineEdit>("layerGlobs");
    globs->setFocus();
    QTest::keyClicks(globs, QStringLiteral("*mlp* !*down_proj"));
    QTest::keyClick(globs, Qt::Key_Return);
    QCOMPARE(f.child<QLabel>("layerNote")->text(), QStringLiteral("4 of 14 layers"));
    const QModelIndex down = f.bench().tree.indexOfLayer(QStringLiteral("model.layers.0.mlp.down_proj"));
    QVERIFY(down.data(qs::LeftOutRole).toBool());
    QVERIFY(f.run());
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().shownRun() != nullptr, kPatience);
    QCOMPARE(f.bench().shownRun()->report->layers.size(), std::size_t{4});
    QVERIFY(f.bench().comparison.rows().back().settings.contains(QStringLiteral("layers *mlp* !*down_proj")));
    f.window.actions().undo->trigger();
    QCOMPARE(globs->text(), QString());
    QVERIFY(!down.data(qs::LeftOutRole).toBool());
  }

  void aGlobThatNamesNoLayerSaysSoAtOnceAndFailsTheRun() {
    Fixture f;
    QVERIFY(f.open());
    auto* globs = f.child<QLineEdit>("layerGlobs");
    QTest::keyClicks(globs, QStringLiteral("nowhere*"));
    QTest::keyClick(globs, Qt::Key_Return);
    QVERIFY(f.child<QLabel>("layerNote")->text().contains(QStringLiteral("nowhere*")));
    f.click("runButton");
    QTRY_VERIFY_WITH_TIMEOUT(f.window.messages().isVisible(), kPatience);
    QVERIFY(f.window.messages().message().why.contains(QStringLiteral("nowhere*")));
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

  void calibratingMeasuresTheOutputErrorOfThePreview() {
    Fixture f;
    const QString inputs = f.path("inputs.safetensors");
    qs::test::writeModel(inputs.toStdString(), qs::test::tinyInputs(96));
    QVERIFY(f.open());
    QVERIFY(!f.bench().preview.preview()->report.metrics.outputRelativeError);
    qs::QuantRequest request = f.bench().request.request();
    request.calibration.activationsFile = inputs.toStdString();
    request.calibration.holdOutEvery = 8;
    f.bench().request.edit(request);
    const auto preview = [&f] { return f.bench().preview.preview(); };
    QTRY_VERIFY_WITH_TIMEOUT(preview() && preview()->report.metrics.heldOutOutputRelativeError, kPatience);
    QVERIFY(preview()->report.metrics.outputRelativeError.value_or(0) > 0);
  }

  void oneClickComparesTheIntroductoryFormWithThePublishedOne() {
    Fixture f;
    const QString inputs = f.path("inputs.safetensors");
    qs::test::writeModel(inputs.toStdString(), qs::test::tinyInputs(300));
    QVERIFY(f.open());
    qs::QuantRequest request = f.bench().request.request();
    request.method = "gptq";
    request.calibration.activationsFile = inputs.toStdString();
    f.bench().request.edit(request);
    QTest::mouseClick(f.child<QToolButton>("moreButton"), Qt::LeftButton);
    f.click("compareForms");
    using Status = qs::ComparisonEntry::Status;
    const auto done = [&f] {
      return std::count_if(f.bench().comparison.rows().begin(), f.bench().comparison.rows().end(),
                           [](const auto& row) { return row.method == "GPTQ" && row.status == Status::Done; });
    };
    QTRY_VERIFY_WITH_TIMEOUT(!f.bench().compare.isBusy() && done() == 2, kPatience);
    const auto& rows = f.bench().comparison.rows();
    const auto& introductory = rows.back();
    const auto& published = rows[rows.size() - 2];
    QVERIFY(introductory.settings.contains(QStringLiteral("plain inverse hessian")));
    QVERIFY(!published.settings.contains(QStringLiteral("plain inverse hessian")));
    QVERIFY(published.outputError && introductory.outputError);
    QVERIFY(*published.outputError != *introductory.outputError);
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
