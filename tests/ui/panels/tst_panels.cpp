#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QSlider>
#include <QSpinBox>
#include <QStringListModel>
#include <QToolButton>
#include <QTreeWidget>
#include <QtTest>

#include "core/quant/method_registry.h"
#include "ui/panels/inspector_panel.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/method_form.h"
#include "ui/panels/param_editor.h"
#include "ui/panels/progress_strip.h"
#include "ui/panels/start_page.h"

namespace {

qs::QuantRequest lastRequest(const QSignalSpy& spy) { return spy.last().first().value<qs::QuantRequest>(); }

qs::LayerReportPtr report() {
  auto made = std::make_shared<qs::LayerReport>();
  made->name = "model.layers.0.mlp.up_proj";
  made->method = "rtn";
  made->metrics.weightRelativeError = 0.0312;
  made->metrics.weightSqnrDb = 15.1;
  made->originalBytes = 8192;
  made->quantizedBytes = 2176;
  made->bitsPerWeight = 4.25;
  made->outliers = {{.channel = 17, .absMax = 0.5F, .ratio = 8.0F}, {.channel = 3, .absMax = 0.25F, .ratio = 4.0F}};
  made->notes = {"damping raised to 0.1"};
  return made;
}

QTreeWidgetItem* itemOf(const QTreeWidget& tree, const QString& text) {
  return tree.findItems(text, Qt::MatchExactly | Qt::MatchRecursive, 0).value(0);
}

}  // namespace

class TestPanels : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void theFormHasAnEditorForEveryParameterOfEveryMethod_data() {
    QTest::addColumn<QString>("id");
    for (const qs::MethodInfo& method : qs::allMethods())
      QTest::newRow(method.id.c_str()) << QString::fromStdString(method.id);
  }
  void theFormHasAnEditorForEveryParameterOfEveryMethod() {
    QFETCH(QString, id);
    qs::MethodForm form;
    qs::QuantRequest request;
    request.method = id.toStdString();
    form.setRequest(request);
    for (const qs::ParamSpec& spec : qs::requireMethod(request.method).parameters) {
      const auto* editor = form.findChild<qs::ParamEditor*>(QString::fromStdString(spec.key));
      QVERIFY2(editor != nullptr, spec.key.c_str());
      QVERIFY2(!editor->whatsThis().isEmpty(), spec.key.c_str());
    }
  }

  void showingARequestGivesNoSignal() {
    qs::MethodForm form;
    QSignalSpy edited(&form, &qs::MethodForm::requestEdited);
    qs::QuantRequest request;
    request.settings.set("bits", std::int64_t{8});
    request.settings.set("symmetric", true);
    form.setRequest(request);
    QCOMPARE(edited.count(), 0);
    QCOMPARE(form.request(), request);
  }

  void theSpinBoxAndItsSliderTellTheSameSetting() {
    qs::MethodForm form;
    form.show();
    QSignalSpy edited(&form, &qs::MethodForm::requestEdited);
    auto* bits = form.findChild<qs::ParamEditor*>(QStringLiteral("bits"));
    auto* box = bits->findChild<QSpinBox*>();
    QTest::keyClick(box, Qt::Key_Up);
    QCOMPARE(edited.count(), 1);
    QCOMPARE(lastRequest(edited).settings.integer("bits"), 5);
    auto* slider = bits->findChild<QSlider*>();
    QTest::keyClick(slider, Qt::Key_Right);
    QCOMPARE(lastRequest(edited).settings.integer("bits"), 6);
    QCOMPARE(box->value(), 6);
  }

  void defaultsComeBackAtAClickOnceASettingIsAnother() {
    qs::MethodForm form;
    form.show();
    QSignalSpy edited(&form, &qs::MethodForm::requestEdited);
    auto* defaults = form.findChild<QPushButton*>(QStringLiteral("defaultsButton"));
    QVERIFY(!defaults->isEnabled());
    auto* box = form.findChild<qs::ParamEditor*>(QStringLiteral("bits"))->findChild<QSpinBox*>();
    QTest::keyClick(box, Qt::Key_Up);
    QTest::mouseClick(defaults, Qt::LeftButton);
    QVERIFY(lastRequest(edited).settings.values().empty());
    QCOMPARE(box->value(), 4);
    QVERIFY(!defaults->isEnabled());
  }

  void anyGroupSizeMayBeTyped() {
    qs::MethodForm form;
    form.show();
    QSignalSpy edited(&form, &qs::MethodForm::requestEdited);
    auto* box = form.findChild<qs::ParamEditor*>(QStringLiteral("group_size"))->findChild<QComboBox*>();
    box->lineEdit()->selectAll();
    QTest::keyClicks(box->lineEdit(), QStringLiteral("48"));
    QTest::keyClick(box->lineEdit(), Qt::Key_Return);
    QCOMPARE(lastRequest(edited).settings.integer("group_size"), 48);
    const auto count = edited.count();
    box->lineEdit()->selectAll();
    QTest::keyClicks(box->lineEdit(), QStringLiteral("many"));
    QTest::keyClick(box->lineEdit(), Qt::Key_Return);
    QCOMPARE(edited.count(), count);
    QCOMPARE(box->currentText(), QStringLiteral("48"));
  }

  void groupSizesAreNamedInEveryMethod() {
    for (const qs::MethodInfo& method : qs::allMethods()) {
      if (method.parameter("group_size") == nullptr) continue;
      qs::MethodForm form;
      qs::QuantRequest request;
      request.method = method.id;
      request.settings.set("group_size", std::int64_t{-1});
      form.setRequest(request);
      QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);  // the editors of the method before
      const auto* box = form.findChild<qs::ParamEditor*>(QStringLiteral("group_size"))->findChild<QComboBox*>();
      QVERIFY2(box != nullptr, method.id.c_str());
      QCOMPARE(box->currentText(), QStringLiteral("Per output channel"));
    }
  }

  void anotherMethodComesWithoutSettings() {
    qs::MethodForm form;
    form.show();
    QSignalSpy edited(&form, &qs::MethodForm::requestEdited);
    auto* methods = form.findChild<QComboBox*>(QStringLiteral("methodBox"));
    QTest::keyClick(methods, Qt::Key_Down);
    QCOMPARE(edited.count(), 1);
    QCOMPARE(lastRequest(edited).method, qs::allMethods()[1].id);
    QVERIFY(lastRequest(edited).settings.values().empty());
  }

  void everyEighthRowIsKeptOutAtAClick() {
    qs::MethodForm form;
    form.show();
    qs::QuantRequest request;
    request.calibration.activationsFile = "inputs.safetensors";
    form.setRequest(request);
    QSignalSpy edited(&form, &qs::MethodForm::requestEdited);
    auto* box = form.findChild<QCheckBox*>(QStringLiteral("holdOut"));
    QTest::mouseClick(box, Qt::LeftButton, {}, QPoint(8, box->height() / 2));
    QCOMPARE(edited.count(), 1);
    QCOMPARE(lastRequest(edited).calibration.holdOutEvery, 8);
    QTest::mouseClick(box, Qt::LeftButton, {}, QPoint(8, box->height() / 2));
    QCOMPARE(lastRequest(edited).calibration.holdOutEvery, 0);
  }

  void introductoryFormsStandApartAndAskForTheirComparison() {
    for (const char* id : {"rtn", "smoothquant", "gptq", "awq"}) {
      qs::MethodForm form;
      form.resize(400, 900);
      form.show();
      qs::QuantRequest request;
      request.method = id;
      form.setRequest(request);
      QSignalSpy asked(&form, &qs::MethodForm::formsComparisonRequested);
      auto* button = form.findChild<QPushButton*>(QStringLiteral("compareForms"));
      QVERIFY(!button->isVisible());
      QTest::mouseClick(form.findChild<QToolButton*>(QStringLiteral("moreButton")), Qt::LeftButton);
      QVERIFY(button->isVisible());
      QTest::mouseClick(button, Qt::LeftButton);
      QCOMPARE(asked.count(), 1);
    }
  }

  void runAsksToRunOnlyWithAModel() {
    qs::MethodForm form;
    form.show();
    QSignalSpy run(&form, &qs::MethodForm::runRequested);
    auto* button = form.findChild<QPushButton*>(QStringLiteral("runButton"));
    form.setHasModel(false);
    QTest::mouseClick(button, Qt::LeftButton);
    QCOMPARE(run.count(), 0);
    form.setHasModel(true);
    QTest::mouseClick(button, Qt::LeftButton);
    QCOMPARE(run.count(), 1);
    form.setRunning(true);
    QVERIFY(!button->isEnabled());
  }

  void theInspectorGivesTheChannelThatIsClicked() {
    qs::InspectorPanel inspector;
    inspector.resize(300, 700);
    inspector.show();
    qs::TensorInfo tensor;
    tensor.name = "model.layers.0.mlp.up_proj.weight";
    tensor.shape = {64, 64};
    inspector.setTensor(tensor, QStringLiteral("model.safetensors"));
    inspector.setReport(report());
    auto* facts = inspector.findChild<QTreeWidget*>(QStringLiteral("facts"));
    QVERIFY(itemOf(*facts, QStringLiteral("SQNR"))->text(1).contains(QStringLiteral("15.1")));
    QVERIFY(itemOf(*facts, QStringLiteral("damping raised to 0.1")) != nullptr);
    QSignalSpy channel(&inspector, &qs::InspectorPanel::channelSelected);
    QTreeWidgetItem* outlier = itemOf(*facts, QStringLiteral("Input 17"));
    QVERIFY(outlier != nullptr);
    facts->scrollToItem(outlier);
    QTest::mouseClick(facts->viewport(), Qt::LeftButton, {}, facts->visualItemRect(outlier).center());
    QVERIFY(channel.count() >= 1);
    QCOMPARE(channel.first().first().toUInt(), 17U);
  }

  void theInspectorTellsWhichSideOfAStoredMatrixIsTheInputs() {
    qs::InspectorPanel inspector;
    inspector.resize(160, 300);
    inspector.show();
    qs::TensorInfo tensor;
    tensor.name = "transformer.h.0.attention_with_a_long_name.c_attn.weight";
    tensor.shape = {48, 144};
    const auto says = [&inspector](const char* text) {
      for (const QLabel* label : inspector.findChildren<QLabel*>())
        if (label->text().contains(QString::fromUtf8(text))) return true;
      return false;
    };
    inspector.setTensor(tensor, {}, true);
    QVERIFY(says("(inputs × outputs)"));
    const auto* title = inspector.findChild<QLabel*>(QStringLiteral("inspectorTitle"));
    QVERIFY2(title->text().contains(QChar(0x2026)), qPrintable(title->text()));
    QVERIFY(title->toolTip().endsWith(QStringLiteral("c_attn")));
    inspector.setTensor(tensor, {});
    QVERIFY(says("(outputs × inputs)"));
  }

  void theInspectorSetsThePinnedRunBesideTheErrors() {
    qs::InspectorPanel inspector;
    qs::TensorInfo tensor;
    tensor.name = "model.layers.0.mlp.up_proj.weight";
    inspector.setTensor(tensor, {});
    inspector.setReport(report());
    const auto* facts = inspector.findChild<QTreeWidget*>(QStringLiteral("facts"));
    const qsizetype alone = facts->findItems(QStringLiteral("*"), Qt::MatchWildcard | Qt::MatchRecursive, 0).size();
    auto pinned = std::make_shared<qs::LayerReport>(*report());
    pinned->method = "gptq";
    pinned->metrics.weightRelativeError = 0.0212;
    inspector.setPinned(pinned);
    const auto says = [facts](const QString& text) {
      return !facts->findItems(text, Qt::MatchContains | Qt::MatchRecursive, 0).isEmpty();
    };
    QVERIFY(says(QStringLiteral("A: RTN, ")));
    QVERIFY(says(QStringLiteral("B: GPTQ, ")));
    QVERIFY(says(QStringLiteral("B 2.12\u00a0%,  A − B +1.00")));
    inspector.setPinned(nullptr);
    QCOMPARE(facts->findItems(QStringLiteral("*"), Qt::MatchWildcard | Qt::MatchRecursive, 0).size(), alone);
  }

  void theProgressStripTellsUnitsAndTimeLeft() {
    qs::ProgressSnapshot progress;
    progress.stage = "Quantizing";
    progress.unit = "layers";
    progress.done = 12.4;
    progress.total = 224;
    progress.remainingSeconds = 125;
    const QString text = qs::progressText(progress);
    QVERIFY2(text.startsWith(QStringLiteral("Quantizing: 12 of 224 layers, about 2 min left")), qPrintable(text));
    qs::ProgressStrip strip;
    strip.setBusy(true);
    strip.show();
    QSignalSpy cancel(&strip, &qs::ProgressStrip::cancelRequested);
    QTest::mouseClick(strip.findChild<QPushButton*>(QStringLiteral("cancelButton")), Qt::LeftButton);
    QCOMPARE(cancel.count(), 1);
    strip.setBusy(false);
    QVERIFY(!strip.findChild<QPushButton*>(QStringLiteral("cancelButton"))->isVisible());
  }

  void theMessageBarStaysUntilItIsClosed() {
    qs::MessageBar bar;
    QVERIFY(!bar.isVisible());
    bar.showMessage(
        {.what = QStringLiteral("It failed"), .why = QStringLiteral("a <b> c"), .whatToDo = QStringLiteral("Retry")});
    QVERIFY(bar.isVisible());
    QCOMPARE(bar.message().toText(), QStringLiteral("It failed\na <b> c\nRetry"));
    QTest::mouseClick(bar.findChild<QToolButton*>(QStringLiteral("messageClose")), Qt::LeftButton);
    QVERIFY(!bar.isVisible());
  }

  void aMessageAboutAJobGoesWithTheNextOfItsKindOnly() {
    using About = qs::UserMessage::About;
    qs::MessageBar bar;
    bar.showMessage({.what = QStringLiteral("The run was cancelled"), .why = {}, .whatToDo = {}, .about = About::Run});
    bar.dismissAbout(About::Preview);
    QVERIFY(bar.isVisible());
    bar.dismissAbout(About::Run);
    QVERIFY(!bar.isVisible());
  }

  void theStartPageAsksForAFileOrTheDemo() {
    qs::StartPage page;
    page.show();
    QSignalSpy open(&page, &qs::StartPage::openRequested);
    QSignalSpy demo(&page, &qs::StartPage::demoRequested);
    QTest::mouseClick(page.findChild<QPushButton*>(QStringLiteral("openButton")), Qt::LeftButton);
    QTest::mouseClick(page.findChild<QPushButton*>(QStringLiteral("demoButton")), Qt::LeftButton);
    QCOMPARE(open.count(), 1);
    QCOMPARE(demo.count(), 1);
  }
};

QTEST_MAIN(TestPanels)
#include "tst_panels.moc"
