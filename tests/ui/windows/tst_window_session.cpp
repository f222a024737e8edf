// What was done is there again after the next start.
#include <QLabel>
#include <QTimer>
#include <fstream>

#include "tests/ui/windows/window_fixture.h"
#include "ui/charts/plot_view.h"
#include "ui/panels/message_bar.h"
#include "ui/windows/screenshot_run.h"

namespace {

using View = qs::ViewArea::View;
using Fixture = qs::test::WindowFixture;
using qs::test::kPatience;

std::string readAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A window that is left with 3 bits, another tensor and the heatmap.
void leaveSomethingBehind(const std::filesystem::path& config, const std::filesystem::path& model) {
  Fixture f(config);
  qs::test::writeModel(model, qs::test::tinyModel());
  f.window.open(QString::fromStdString(model.string()));
  QVERIFY(QTest::qWaitFor([&] { return f.bench().preview.preview() != nullptr; }, kPatience));
  qs::QuantRequest request = f.bench().request.request();
  request.settings.set("bits", std::int64_t{3});
  f.bench().request.edit(request);
  f.bench().selectTensor(QStringLiteral("model.layers.1.mlp.up_proj.weight"),
                         QStringLiteral("model.layers.1.mlp.up_proj"));
  f.window.views().setView(View::Heatmap);
  f.window.close();
}

}  // namespace

class TestWindowSession : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { QSettings().clear(); }

  void theStartPageContinuesWhereThePersonStopped() {
    const qs::test::TempFolder kept;
    const auto model = kept.path() / "mine.safetensors";
    leaveSomethingBehind(kept.path(), model);
    Fixture f(kept.path());
    auto* button = f.child<QPushButton>("continueSession");
    QVERIFY(!button->isVisible());
    f.window.restoreWindowState();
    QVERIFY(button->isVisible() && button->isEnabled());
    QCOMPARE(button->text(), QStringLiteral("Continue: mine – RTN 3-bit"));
    QVERIFY(QTest::qWaitForWindowActive(&f.window));
    button->setFocus(Qt::TabFocusReason);
    QTest::keyClick(button, Qt::Key_Space);
    QTRY_VERIFY_WITH_TIMEOUT(f.bench().preview.preview() && f.bench().preview.preview()->report.scheme.bits == 3,
                             kPatience);
    QCOMPARE(f.bench().model.path(), QString::fromStdString(model.string()));
    QCOMPARE(f.bench().tensor(), QStringLiteral("model.layers.1.mlp.up_proj.weight"));
    QCOMPARE(f.window.views().currentPlot(), f.window.views().plot(View::Heatmap));
    QVERIFY(!f.window.messages().isVisible());
    f.window.actions().close->trigger();  // and back again
    QVERIFY(button->isVisible());
    QTest::mouseClick(button, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(f.bench().tensor(), QStringLiteral("model.layers.1.mlp.up_proj.weight"), kPatience);
  }

  void aModelThatIsGoneIsGreyedWithTheReason() {
    const qs::test::TempFolder kept;
    const auto model = kept.path() / "mine.safetensors";
    leaveSomethingBehind(kept.path(), model);
    std::filesystem::remove(model);
    Fixture f(kept.path());
    f.window.restoreWindowState();
    QVERIFY(f.child<QPushButton>("continueSession")->isVisible() &&
            !f.child<QPushButton>("continueSession")->isEnabled());
    const auto* reason = f.child<QLabel>("whyNotContinue");
    QVERIFY(reason->isVisible());
    QVERIFY2(reason->text().contains(QStringLiteral("mine.safetensors isn't there")), qPrintable(reason->text()));
  }

  void aFileThatIsNoSessionIsSetAside_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("no JSON") << QByteArray("{\"version\": 1, \"mod");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("another version") << QByteArray(R"({"version": 2, "everything": "else"})");
    QTest::newRow("no version") << QByteArray(R"({"model": "demo"})");
    QTest::newRow("a field is missing") << QByteArray(R"({"version": 1, "model": "demo"})");
    QTest::newRow("a field of another kind") << QByteArray(
        R"({"version": 1, "model": 7, "model_name": "", "recipe": {"method": "rtn"}, "tensor": "", "view": ""})");
    QTest::newRow("a method that isn't there") << QByteArray(
        R"({"version": 1, "model": "demo", "model_name": "", "recipe": {"method": "x"}, "tensor": "", "view": ""})");
    QTest::newRow("far too large") << QByteArray(2'000'000, ' ');
  }
  void aFileThatIsNoSessionIsSetAside() {
    QFETCH(QByteArray, text);
    const qs::test::TempFolder kept;
    const auto file = kept.write("session.json", text.toStdString());
    Fixture f(kept.path());
    f.window.restoreWindowState();
    QVERIFY(!f.child<QPushButton>("continueSession")->isVisible());
    QVERIFY(f.window.messages().isVisible());
    QVERIFY(f.window.messages().message().toText().contains(QStringLiteral("session.json.bak")));
    QVERIFY(!std::filesystem::exists(file));
    QVERIFY(readAll(kept.path() / "session.json.bak") == text.toStdString());
  }

  void itIsWrittenEveryMinuteWhereItChanged() {
    const qs::test::TempFolder kept;
    const auto file = kept.path() / "sub" / "session.json";
    Fixture f(kept.path() / "sub");
    QVERIFY(f.open());
    auto* timer = f.child<QTimer>("sessionTimer");
    QVERIFY(timer->isActive());
    QCOMPARE(timer->interval(), 60'000);
    QVERIFY(!std::filesystem::exists(file));
    timer->setInterval(1);
    QTRY_VERIFY_WITH_TIMEOUT(std::filesystem::exists(file), kPatience);
    std::filesystem::remove(file);
    QTest::qWait(50);
    QVERIFY(!std::filesystem::exists(file));
    f.window.views().setView(View::Curves);
    QTRY_VERIFY_WITH_TIMEOUT(readAll(file).find("curves") != std::string::npos, kPatience);
  }

  void withoutAModelTheEarlierSessionStays() {
    const qs::test::TempFolder kept;
    leaveSomethingBehind(kept.path(), kept.path() / "mine.safetensors");
    const std::string before = readAll(kept.path() / "session.json");
    Fixture f(kept.path());
    f.window.restoreWindowState();
    f.window.close();
    QVERIFY(!before.empty() && readAll(kept.path() / "session.json") == before);
  }

  void aWindowForPicturesWritesNone() {
    const qs::test::TempFolder kept;
    Fixture f(kept.path());
    const qs::ScreenshotRun pictures(f.window, {});
    QVERIFY(f.open());
    f.window.close();
    QVERIFY(!std::filesystem::exists(kept.path() / "session.json"));
  }
};

QTEST_MAIN(TestWindowSession)
#include "tst_window_session.moc"
