#include <QtTest>

#include "core/io/reader_registry.h"
#include "core/session/run_groups.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"

class TestRunGroups : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void sharedInputs_data() {
    QTest::addColumn<QString>("glob");
    QTest::addColumn<QString>("a");
    QTest::addColumn<QString>("b");
    QTest::addColumn<bool>("shared");
    QTest::newRow("q and k of one parent") << ""
                                           << "l.0.q_proj"
                                           << "l.0.k_proj" << true;
    QTest::newRow("gate and up of one parent") << ""
                                               << "m.gate_proj"
                                               << "m.up_proj" << true;
    QTest::newRow("q and gate") << ""
                                << "l.q_proj"
                                << "l.gate_proj" << false;
    QTest::newRow("q of two blocks") << ""
                                     << "l.0.q_proj"
                                     << "l.1.q_proj" << false;
    QTest::newRow("a glob names two") << "[ab]"
                                      << "a"
                                      << "b" << true;
    QTest::newRow("a glob names one") << "[ac]"
                                      << "a"
                                      << "b" << false;
    QTest::newRow("a glob over blocks joins within each") << "*.lin*"
                                                          << "h.0.lin1"
                                                          << "h.1.lin2" << false;
    QTest::newRow("a glob joins different parents of a block") << "h.*"
                                                               << "h.0.x.lin"
                                                               << "h.0.y.lin" << true;
  }
  void sharedInputs() {
    QFETCH(QString, glob);
    QFETCH(QString, a);
    QFETCH(QString, b);
    QFETCH(bool, shared);
    qs::QuantRequest request;
    if (!glob.isEmpty()) request.shareInput = {glob.toStdString()};
    QCOMPARE(qs::sharedInputKey(request, a.toStdString(), 64) == qs::sharedInputKey(request, b.toStdString(), 64),
             shared);
    QVERIFY(qs::sharedInputKey(request, a.toStdString(), 64) != qs::sharedInputKey(request, b.toStdString(), 32) ||
            a == b);
  }

  void groupsOnlyWhereTheMethodGains() {
    const qs::test::TempFolder folder;
    qs::test::writeModel(folder.path() / "m.safetensors", qs::test::tinyModel());
    const auto model = qs::openCheckpoint(folder.path() / "m.safetensors");
    qs::QuantRequest request{.method = "rtn"};
    QCOMPARE(qs::planGroups(*model, request).size(), std::size_t{14});
    request.calibration.activationsFile = "some file";
    QCOMPARE(qs::planGroups(*model, request).size(), std::size_t{8});
    request.overrides = {{.glob = "*.k_proj", .settings = qs::Settings({{"bits", std::int64_t{8}}})},
                         {.glob = "*.0.self_attn.v_proj", .skip = true}};
    QCOMPARE(qs::planGroups(*model, request).size(), std::size_t{10});
  }
};

QTEST_APPLESS_MAIN(TestRunGroups)
#include "tst_run_groups.moc"
