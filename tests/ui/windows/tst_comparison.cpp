#include <QCheckBox>
#include <QImage>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QPushButton>
#include <QScrollBar>
#include <QSettings>
#include <QSignalSpy>
#include <QTableView>
#include <QTextEdit>
#include <QToolButton>
#include <QtTest>
#include <algorithm>

#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"
#include "ui/panels/comparison_panel.h"
#include "ui/panels/prompt_panel.h"
#include "ui/support/item_roles.h"
#include "ui/windows/compare_dialog.h"
#include "ui/windows/export_menu.h"
#include "ui/windows/main_window.h"
#include "ui/windows/view_area.h"

namespace {

const std::filesystem::path kDemo = qs::test::demoFolder();
constexpr int kPatience = 60'000;  ///< ms: a loaded machine is no fault

qs::ComparedMethod method(const std::string& id, std::int64_t bits) {
  return {.method = id, .settings = qs::Settings({{"bits", bits}})};
}

/// A window with the demo model, in which a short comparison was made.
struct Fixture {
  qs::test::TempFolder folder;
  qs::MainWindow window{{QCoreApplication::applicationDirPath().toStdString(), folder.path() / "runs"}};

  [[nodiscard]] qs::Workbench& bench() { return window.workbench(); }
  [[nodiscard]] QString path(const char* name) const { return QString::fromStdString((folder.path() / name).string()); }
  template <typename Widget>
  [[nodiscard]] Widget* child(const char* name) {
    return window.findChild<Widget*>(QLatin1String(name));
  }
  [[nodiscard]] bool open() {
    window.show();
    window.open(QString::fromStdString(kDemo.string()));
    return QTest::qWaitFor([this] { return bench().model.model() != nullptr; }, kPatience);
  }
  [[nodiscard]] bool compare(std::vector<qs::ComparedMethod> methods, const std::filesystem::path& calibration = {}) {
    qs::ComparisonPlan plan{.request = {.methods = std::move(methods)}, .evaluationTextFile = kDemo / "evaluation.txt"};
    if (!calibration.empty()) plan.request.base.calibration = {.textFile = calibration, .runModel = true};
    plan.request.windows = {.window = 64, .maxWindows = 2};
    plan.request.decodeRepeats = 0;
    QSignalSpy finished(&bench().compare, &qs::CompareController::finished);
    bench().compare.start(bench().model.model(), plan);
    return QTest::qWaitFor([&] { return finished.count() == 1; }, kPatience);
  }
  /// The entry of a row's menu.
  void chooseInMenu(int row, const QString& entry) {
    auto* table = child<QTableView>("comparisonTable");
    table->selectRow(row);
    Q_EMIT table->customContextMenuRequested(table->visualRect(table->model()->index(row, 0)).center());
    auto* menu = window.docks().comparison->findChild<QMenu*>();
    for (QAction* action : menu->actions())
      if (action->text() == entry) action->trigger();
    menu->close();
  }
  [[nodiscard]] QStringList column(int column) {
    const auto* model = child<QTableView>("comparisonTable")->model();
    QStringList cells;
    for (int row = 0; row < model->rowCount(); ++row) cells << model->index(row, column).data().toString();
    return cells;
  }
};

}  // namespace

class TestComparison : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { QSettings().clear(); }

  void oneButtonComparesTheUsualMethods() {
    Fixture f;
    QVERIFY(f.open());
    f.window.resize(1920, 1080);
    qs::QuantRequest form;
    form.settings = qs::Settings({{"bits", std::int64_t{3}}});
    f.bench().request.edit(form);
    QSignalSpy started(&f.bench().compare, &qs::CompareController::started);
    QTest::mouseClick(f.child<QPushButton>("compareButton"), Qt::LeftButton);
    QCOMPARE(started.count(), 1);
    const auto plan = started.first().first().value<qs::ComparisonPlan>();
    QCOMPARE(plan.request.methods.size(), qs::defaultComparison().size());
    for (const qs::ComparedMethod& compared : plan.request.methods)
      QCOMPARE(compared.settings.contains("bits"), compared.method == "rtn");
    QVERIFY(plan.request.base.calibration.runModel);
    QVERIFY(plan.request.base.calibration.textFile != plan.evaluationTextFile);
    QTRY_COMPARE_WITH_TIMEOUT(f.column(0).size(), static_cast<int>(plan.request.methods.size()), kPatience);
    QTRY_COMPARE(f.child<QTableView>("comparisonTable")->verticalScrollBar()->maximum(), 0);  // all rows are seen
    f.bench().compare.cancel();
    QTRY_VERIFY_WITH_TIMEOUT(!f.bench().compare.isBusy(), kPatience);
    QVERIFY(f.column(qs::ComparisonModel::StatusColumn).contains(QStringLiteral("cancelled")));
  }

  void theTableIsFilledAndSortable() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.compare({{qs::kUnquantized, {}}, method("rtn", 2), method("rtn", 8)}));
    using Model = qs::ComparisonModel;
    QCOMPARE(f.column(Model::MethodColumn), (QStringList{"Unquantized", "RTN", "RTN"}));
    QCOMPARE(f.column(Model::StatusColumn), (QStringList{"done", "done", "done"}));
    for (const QString& cell : f.column(Model::PerplexityColumn)) QVERIFY2(cell.contains("±"), qPrintable(cell));
    QVERIFY(f.column(Model::ChangeColumn)[1].startsWith(QLatin1Char('+')));
    auto* table = f.child<QTableView>("comparisonTable");
    for (const Qt::SortOrder order : {Qt::AscendingOrder, Qt::DescendingOrder}) {
      table->sortByColumn(Model::BitsColumn, order);
      const QStringList bits = f.column(Model::BitsColumn);
      QCOMPARE(f.column(Model::MethodColumn).front(), QStringLiteral("Unquantized"));
      QCOMPARE(bits[1].toDouble() < bits[2].toDouble(), order == Qt::AscendingOrder);
    }
    table->sortByColumn(-1, Qt::AscendingOrder);
    const auto isBold = [table](int row, int column) {
      return table->model()->index(row, column).data(Qt::FontRole).value<QFont>().bold();
    };
    QVERIFY(isBold(1, Model::SizeColumn) && !isBold(2, Model::SizeColumn));
    QVERIFY(isBold(2, Model::PerplexityColumn) && !isBold(0, Model::PerplexityColumn));
    QVERIFY(f.window.views().plot(qs::ViewArea::View::Tradeoff)->hasData());
    const QString note = f.child<QLabel>("comparisonNote")->text();
    QVERIFY2(note.contains("evaluation.txt") && note.contains("2 windows of 64"), qPrintable(note));
  }

  void aRunAndTheSameMethodComparedAreToldApart() {
    Fixture f;
    QVERIFY(f.open());
    f.bench().startRun();
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().shownRun() != nullptr, kPatience);
    const auto* table = f.child<QTableView>("comparisonTable");
    QVERIFY(f.compare({{qs::kUnquantized, {}}, {"rtn", {}}}));
    using Model = qs::ComparisonModel;
    QVERIFY(!f.column(Model::SettingsColumn)[1].contains("F16 scales"));
    QVERIFY2(f.column(Model::SettingsColumn)[2].contains("F16 scales"), qPrintable(f.column(Model::SettingsColumn)[2]));
    QVERIFY(!table->isColumnHidden(Model::WeightErrorColumn));  // all that the run can be compared by
    f.bench().removeRun(1);
    QVERIFY(table->isColumnHidden(Model::WeightErrorColumn));
  }

  void theMethodOfTheFormIsComparedWithItsSettings() {
    qs::QuantRequest form;
    form.method = "gptq";
    form.settings = qs::Settings({{"bits", std::int64_t{3}}});
    qs::CompareDialog dialog(form, {}, nullptr);
    for (const qs::ComparedMethod& compared : dialog.plan().request.methods)
      QCOMPARE(compared.settings.values().empty(), compared.method != "gptq");
    const auto* methods = dialog.findChild<QListWidget*>("methods");
    QCOMPARE(methods->findItems("with the settings of the form", Qt::MatchContains).size(), 1);
  }

  /// Rows and results of an abandoned comparison are of another model.
  void closingTheModelDropsWhatIsComparedStill() {
    Fixture f;
    QVERIFY(f.open());
    qs::ComparisonPlan plan{.request = {.methods = {{qs::kUnquantized, {}}, method("rtn", 4), method("gptq", 4)}},
                            .evaluationTextFile = kDemo / "evaluation.txt"};
    plan.request.windows = {.window = 64, .maxWindows = 2};
    f.bench().compare.start(f.bench().model.model(), plan);
    const auto isDone = [](const qs::ComparisonEntry& row) { return row.status == qs::ComparisonEntry::Status::Done; };
    QTRY_VERIFY_WITH_TIMEOUT(std::ranges::any_of(f.bench().comparison.rows(), isDone), kPatience);
    QSignalSpy told(&f.bench().compare, &qs::CompareController::rowChanged);
    f.window.actions().close->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(!f.bench().compare.isBusy(), kPatience);
    QTest::qWait(50);
    QCOMPARE(told.count(), 0);
    QVERIFY(f.bench().comparison.rows().empty());
    QVERIFY(f.bench().finishedRun(qs::Workbench::kFirstComparedId + 1) == nullptr);
    QVERIFY(f.open());
    QVERIFY(f.compare({method("rtn", 4)}));  // the next one tells its rows
    QCOMPARE(f.column(qs::ComparisonModel::StatusColumn), (QStringList{"done", "done"}));
  }

  void aFailedMethodIsMeasuredAgainInItsRow() {
    Fixture f;
    QVERIFY(f.open());
    const std::filesystem::path text = f.folder.write("text.txt", "x");  // too short to calibrate on
    QVERIFY(f.compare({{qs::kUnquantized, {}}, method("gptq", 3), method("rtn", 4)}, text));
    using Model = qs::ComparisonModel;
    QCOMPARE(f.column(Model::StatusColumn), (QStringList{"done", "failed", "done ⚠"}));
    const int failed = qs::Workbench::kFirstComparedId + 1;
    QVERIFY(f.bench().canRetry(failed));
    QVERIFY(!f.bench().canRetry(failed + 1) && !f.bench().canRetry(failed + 2));
    std::filesystem::copy_file(kDemo / "calibration.txt", text, std::filesystem::copy_options::overwrite_existing);
    const QStringList before = f.column(Model::PerplexityColumn);
    QSignalSpy told(&f.bench().compare, &qs::CompareController::rowChanged);
    QSignalSpy finished(&f.bench().compare, &qs::CompareController::finished);
    f.chooseInMenu(1, QStringLiteral("Retry"));
    QVERIFY(f.bench().isRunning());
    QVERIFY(!f.bench().canRetry(failed));  // it is at work
    QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, kPatience);
    QCOMPARE(f.column(Model::StatusColumn), (QStringList{"done", "done", "done ⚠"}));
    QCOMPARE(f.column(Model::MethodColumn), (QStringList{"Unquantized", "GPTQ", "RTN"}));
    QVERIFY(f.column(Model::SettingsColumn)[1].startsWith(QStringLiteral("3-bit")));
    const QStringList after = f.column(Model::PerplexityColumn);
    QVERIFY(after[1].contains(QStringLiteral("±")) && f.column(Model::ChangeColumn)[1].startsWith(QLatin1Char('+')));
    QCOMPARE((QStringList{after[0], after[2]}), (QStringList{before[0], before[2]}));
    for (const auto& change : told) QCOMPARE(change.first().value<std::size_t>(), std::size_t{1});
    QVERIFY(f.bench().finishedRun(failed) != nullptr);
  }

  void aCancelledMethodIsMeasuredAgain() {
    Fixture f;
    QVERIFY(f.open());
    qs::ComparisonPlan plan{.request = {.methods = {{qs::kUnquantized, {}}, method("rtn", 4)}},
                            .evaluationTextFile = kDemo / "evaluation.txt"};
    plan.request.windows = {.window = 64, .maxWindows = 2};
    plan.request.decodeRepeats = 0;
    f.bench().compare.start(f.bench().model.model(), plan);
    f.bench().compare.cancel();
    QTRY_VERIFY_WITH_TIMEOUT(!f.bench().compare.isBusy(), kPatience);
    using Model = qs::ComparisonModel;
    QCOMPARE(f.column(Model::StatusColumn), (QStringList{"cancelled", "cancelled"}));
    for (const int id : {qs::Workbench::kReferenceId, qs::Workbench::kFirstComparedId + 1}) {
      QVERIFY(f.bench().canRetry(id));
      f.bench().retryRun(id);
      QTRY_VERIFY_WITH_TIMEOUT(!f.bench().compare.isBusy(), kPatience);
    }
    QCOMPARE(f.column(Model::StatusColumn), (QStringList{"done", "done"}));
  }

  void aTextThatCantCalibrateIsSaidInTheNote() {
    Fixture f;
    QVERIFY(f.open());
    const std::filesystem::path text = f.folder.write("short.txt", "x");
    QVERIFY(f.compare({method("rtn", 4), method("gptq", 4)}, text));
    QCOMPARE(f.column(qs::ComparisonModel::StatusColumn), (QStringList{"done", "done ⚠", "failed"}));
    const QString note = f.child<QLabel>("comparisonNote")->text();
    QVERIFY2(note.contains("Nothing was calibrated") && note.contains("short.txt"), qPrintable(note));
    QVERIFY2(!note.contains("Calibrated on"), qPrintable(note));
  }

  void rowsOfAComparisonAreRuns() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.compare({{qs::kUnquantized, {}}, method("rtn", 4)}));
    auto* table = f.child<QTableView>("comparisonTable");
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(table->model()->index(1, 0)).center());
    QVERIFY(f.bench().shownRun() != nullptr);
    QVERIFY(f.window.views().plot(qs::ViewArea::View::AllLayers)->hasData());
    QVERIFY(f.window.actions().exportModel->isEnabled());
  }

  void exportsTheTable() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.compare({{qs::kUnquantized, {}}, method("rtn", 4)}));
    for (const char* name : {"table.csv", "table.md", "table.png"}) f.window.exports().writeTable(f.path(name));
    const std::string csv = qs::test::readFile(f.path("table.csv").toStdString());
    const auto head = QString::fromStdString(csv).section(QLatin1Char('\n'), 0, 0);
    const auto row = QString::fromStdString(csv).section(QLatin1Char('\n'), 2, 2);
    QVERIFY(head.contains("perplexity,perplexity_change,mean_kl_divergence"));
    QVERIFY(row.startsWith("RTN,"));
    QVERIFY(qs::test::readFile(f.path("table.md").toStdString()).find("| Change ") != std::string::npos);
    QVERIFY(!QImage(f.path("table.png")).isNull());
  }

  void aModelThatCannotBeRunSaysWhatIsMissing() {
    Fixture f;
    std::filesystem::copy_file(kDemo / "model.safetensors", f.folder.path() / "only.safetensors");
    f.window.show();
    f.window.open(f.path("only.safetensors"));
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().model.model() != nullptr, kPatience);
    QVERIFY(f.compare({{qs::kUnquantized, {}}, method("rtn", 4)}));
    for (const qs::ComparisonEntry& row : f.bench().comparison.rows()) {
      QVERIFY2(row.note.contains("config.json"), qPrintable(row.note));
      QVERIFY(row.sizeBytes && !row.perplexity);
    }
  }

  void continuesAPromptSideBySide() {
    Fixture f;
    QVERIFY(f.open());
    QVERIFY(f.compare({{qs::kUnquantized, {}}, method("rtn", 2), method("rtn", 8)}));
    f.window.docks().prompt->window()->show();
    auto* prompt = f.child<QLineEdit>("prompt");
    QCOMPARE(prompt->text(), QStringLiteral("There once was a"));
    QSignalSpy ready(&f.bench().prompt, &qs::PromptController::continuationReady);
    QTest::keyClick(prompt, Qt::Key_Return);
    QTRY_COMPARE_WITH_TIMEOUT(ready.count(), 3, kPatience);
    const auto texts = f.window.docks().prompt->findChildren<QTextEdit*>();
    QCOMPARE(texts.size(), 3);
    QVERIFY(texts[0]->toPlainText().startsWith("There once was a patient clockmaker named Bruno"));
    const auto isMarked = [](const QTextEdit* text) { return text->toHtml().contains("underline"); };
    QVERIFY(!isMarked(texts[0]) && isMarked(texts[1]));
  }

  void thePromptPanelChoosesTheFirstRuns() {
    qs::PromptPanel panel;
    panel.setHasModel(true);
    std::vector<qs::PromptModel> models;
    for (int id = 1; id <= 6; ++id) models.push_back({id, QString::number(id), id});
    panel.setModels(models);
    QSignalSpy asked(&panel, &qs::PromptPanel::continueRequested);
    panel.show();
    panel.setChosen(6, true);
    panel.setChosen(2, false);
    QTest::mouseClick(panel.findChild<QPushButton*>("continueButton"), Qt::LeftButton);
    QCOMPARE(asked.last()[2].value<std::vector<int>>(), (std::vector<int>{1, 3, 4, 6}));
  }

  void theDialogSaysWhenOneTextServesForBoth() {
    const std::filesystem::path text = kDemo / "calibration.txt";
    qs::CompareDialog dialog({}, {text, text}, nullptr);
    dialog.show();
    bool warns = false;
    for (const QLabel* label : dialog.findChildren<QLabel*>()) warns |= label->text().contains("look better");
    QVERIFY(warns);
    QVERIFY(!dialog.plan().request.base.calibration.sequential);
    dialog.findChild<QCheckBox*>("sequentialComparison")->click();
    QVERIFY(dialog.plan().request.base.calibration.sequential);
  }
};

QTEST_MAIN(TestComparison)
#include "tst_comparison.moc"
