#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QSpinBox>
#include <QTableView>
#include <QThread>
#include <QToolButton>
#include <QTreeView>

#include <algorithm>

#include "tests/ui/windows/window_fixture.h"
#include "ui/charts/histogram_grid_view.h"
#include "ui/charts/plot_view.h"
#include "ui/panels/comparison_panel.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/method_form.h"
#include "ui/panels/progress_strip.h"
#include "ui/support/item_roles.h"

namespace {

using View = qs::ViewArea::View;
using Fixture = qs::test::WindowFixture;
using qs::test::kPatience;

}  // namespace

class TestWindowRuns : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { QSettings().clear(); }

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

  void aMethodThatNeedsCalibrationTakesTheBuiltInTextWhereTheModelRuns() {
    Fixture f;
    f.window.open(qs::ModelController::kDemo);
    QVERIFY(QTest::qWaitFor([&] { return f.bench().preview.preview() != nullptr; }, kPatience));
    auto* methods = f.child<QComboBox>("methodBox");
    const auto* source = f.child<QComboBox>("calibrationSource");
    methods->setCurrentIndex(methods->findData(QStringLiteral("gptq")));
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().request.request().calibration.runModel, kPatience);
    QCOMPARE(source->currentText(), QStringLiteral("Model over built-in text"));
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().preview.preview() && f.bench().preview.preview()->report.method == "gptq",
                             kPatience);
    QVERIFY(!f.window.messages().isVisible());
    QVERIFY(f.child<QPushButton>("runButton")->isEnabled());
    methods->setCurrentIndex(methods->findData(QStringLiteral("rtn")));
    QVERIFY(!f.bench().request.request().calibration.runModel);
  }

  void aMethodThatNeedsCalibrationSaysWhereToChooseItWhereTheModelCannotRun() {
    Fixture f;
    QVERIFY(f.open());
    auto* methods = f.child<QComboBox>("methodBox");
    methods->setCurrentIndex(methods->findData(QStringLiteral("smoothquant")));
    QTRY_VERIFY_WITH_TIMEOUT(f.window.messages().isVisible(), kPatience);
    const qs::UserMessage message = f.window.messages().message();
    QVERIFY(message.severity == qs::UserMessage::Severity::Information);
    QVERIFY2(message.toText().contains(QStringLiteral("Calibration")), qPrintable(message.toText()));
    QVERIFY2(!message.toText().contains(QStringLiteral("--")), qPrintable(message.toText()));
    const auto* run = f.child<QPushButton>("runButton");
    QVERIFY(!run->isEnabled() && !f.window.actions().start->isEnabled());
    QVERIFY2(run->toolTip().contains(QStringLiteral("calibration")), qPrintable(run->toolTip()));
    QVERIFY(f.window.views().plot(View::Distribution)->hasData());
    methods->setCurrentIndex(methods->findData(QStringLiteral("rtn")));
    QVERIFY(run->isEnabled() && !f.window.messages().isVisible());
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

  void theDifferenceOfTheShownAndThePinnedRun() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(QTest::qWaitForWindowActive(&f.window));
    const QAction* difference = f.window.actions().difference;
    QVERIFY(f.run());
    f.window.actions().pin->trigger();
    QVERIFY(!difference->isEnabled());  // A is B
    qs::QuantRequest request = f.bench().request.request();
    request.settings.set("bits", std::int64_t{3});
    f.bench().request.edit(request);
    QVERIFY(f.run());
    QTRY_VERIFY_WITH_TIMEOUT(difference->isEnabled(), kPatience);
    f.window.views().setView(View::AllLayers);
    auto* layers = f.window.views().plot(View::AllLayers);
    QVERIFY2(layers->heading().startsWith(QStringLiteral("A: RTN 3-bit")), qPrintable(layers->heading()));
    const auto* tree = f.child<QTreeView>("tensorTree");
    QVERIFY(tree->isColumnHidden(qs::ModelTreeModel::DifferenceColumn));
    layers->setFocus();
    QTest::keyClick(layers, Qt::Key_D);
    QVERIFY2(layers->heading().startsWith(QStringLiteral("A − B: RTN 3-bit − RTN 4-bit")),
             qPrintable(layers->heading()));
    QVERIFY(layers->yAxis().view.low < 0);
    QVERIFY(!tree->isColumnHidden(qs::ModelTreeModel::DifferenceColumn));
    const QModelIndex layer = f.bench().tree.indexOfLayer(QStringLiteral("model.layers.0.mlp.down_proj"));
    QVERIFY(layer.siblingAtColumn(qs::ModelTreeModel::DifferenceColumn).data().toString().startsWith(QLatin1Char('+')));
    f.window.actions().pin->trigger();  // A becomes B
    QVERIFY(!difference->isEnabled());
    QVERIFY(layers->heading().startsWith(QStringLiteral("RTN 3-bit")));
    QVERIFY(tree->isColumnHidden(qs::ModelTreeModel::DifferenceColumn));
  }

  void theGridIsLinkedWithTheTreeAndOpensADistribution() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(QTest::qWaitForWindowActive(&f.window));
    QTest::keyClick(&f.window, Qt::Key_7, Qt::AltModifier);
    auto* grid = qobject_cast<qs::HistogramGridView*>(f.window.views().currentPlot());
    QVERIFY(grid != nullptr);
    QCOMPARE(grid->state(), qs::PlotState::Empty);
    QTest::mouseClick(grid->findChild<QPushButton*>(), Qt::LeftButton);  // it offers the run
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().shownRun() != nullptr, kPatience);
    QVERIFY(!grid->tableData().rows.empty());
    const QString layer = QStringLiteral("model.layers.1.mlp.up_proj");
    QTest::mouseClick(grid, Qt::LeftButton, {}, grid->cellOf(layer).center().toPoint());
    QCOMPARE(f.child<QTreeView>("tensorTree")->currentIndex().data(qs::LayerRole).toString(), layer);
    f.bench().selectTensor(QStringLiteral("model.layers.0.mlp.up_proj.weight"),
                           QStringLiteral("model.layers.0.mlp.up_proj"));
    QCOMPARE(grid->selectedLayer(), QStringLiteral("model.layers.0.mlp.up_proj"));
    grid->setFocus();
    QTest::keyClick(grid, Qt::Key_L);
    QVERIFY(!grid->isLogarithmic() && !f.window.actions().logCounts->isChecked());
    QTest::keyClick(grid, Qt::Key_Right);
    const QString chosen = grid->selectedLayer();
    QTest::keyClick(grid, Qt::Key_Return);
    QCOMPARE(f.window.views().currentPlot(), f.window.views().plot(View::Distribution));
    QTRY_COMPARE_WITH_TIMEOUT(f.bench().preview.layer(), chosen, kPatience);
  }

  void afterAFailedRunTheRowBeforeIsShownByAClick() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.run());
    const int shown = f.bench().shownId();
    auto* table = f.child<QTableView>("comparisonTable");
    qs::QuantRequest request = f.bench().request.request();
    request.layers.include = {"nowhere*"};
    f.bench().request.edit(request);
    f.click("runButton");
    QCOMPARE(table->currentIndex().row(), 2);  // the new run's
    using Status = qs::ComparisonEntry::Status;
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().comparison.rows().back().status == Status::Failed, kPatience);
    QVERIFY(f.bench().shownRun() == nullptr);
    const auto clickRow = [table](int row) {
      QTest::mouseClick(table->viewport(), Qt::LeftButton, {},
                        table->visualRect(table->model()->index(row, 0)).center());
    };
    clickRow(1);
    QCOMPARE(f.bench().shownId(), shown);
    QSignalSpy chosen(f.window.docks().comparison, &qs::ComparisonPanel::rowChosen);
    clickRow(1);  // current already
    QVERIFY(!chosen.isEmpty());
    const int failed = f.bench().comparison.rows().back().id;
    QVERIFY(f.bench().canRetry(failed));
    QVERIFY(f.window.messages().isVisible());
    f.bench().retryRun(failed);
    QVERIFY(!f.window.messages().isVisible());
    QTRY_VERIFY_WITH_TIMEOUT(!f.bench().run.isBusy(), kPatience);
    QCOMPARE(f.bench().comparison.rows().size(), std::size_t{3});
    QVERIFY(f.bench().comparison.rows().back().id != failed);
  }

  void closingTheModelDropsTheLayersOfItsRun() {
    Fixture f;
    QVERIFY(f.open());
    QSignalSpy layers(&f.bench().run, &qs::RunController::layersReady);
    f.click("runButton");
    QThread::msleep(200);  // layers are finished, and none was told yet
    f.window.actions().close->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(!f.bench().run.isBusy(), kPatience);
    QTest::qWait(50);
    QCOMPARE(layers.count(), 0);
    QVERIFY(f.bench().comparison.rows().empty());
    QVERIFY(!f.window.views().plot(View::AllLayers)->hasData());
    QVERIFY(f.open());
    QVERIFY(f.run());  // the next one tells its layers
    QVERIFY(layers.count() > 0);
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
};

QTEST_MAIN(TestWindowRuns)
#include "tst_window_runs.moc"
