#include <QtTest>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/session/quant_request.h"
#include "core/session/request_json.h"

namespace {

qs::Settings settings(std::int64_t bits) { return qs::Settings({{"bits", bits}}); }

}  // namespace

class TestQuantRequest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void theLastMatchWinsSettingBySetting() {
    qs::QuantRequest request{.method = "rtn", .settings = settings(3)};
    request.overrides = {
        {.glob = "a.*", .settings = qs::Settings({{"bits", std::int64_t{8}}, {"group_size", std::int64_t{64}}})},
        {.glob = "*.q", .settings = settings(5)}};
    const auto plan = qs::planLayer(request, "a.q");
    QVERIFY(plan.has_value());
    QCOMPARE(plan->settings.integer("bits"), std::int64_t{5});
    QCOMPARE(plan->settings.integer("group_size"), std::int64_t{64});
    QCOMPARE(qs::planLayer(request, "b.k")->settings.integer("bits"), std::int64_t{3});
    QCOMPARE(qs::planLayer(request, "b.k")->settings.integer("group_size"), std::int64_t{128});
  }

  void skipIsASettingLikeOthers() {
    qs::QuantRequest request{.method = "rtn"};
    request.overrides = {{.glob = "*", .skip = true}, {.glob = "a", .settings = settings(8)}};
    QVERIFY(!qs::planLayer(request, "b").has_value());
    QVERIFY(qs::planLayer(request, "a").has_value());
  }

  void calibrationIsLackedByTheMethodOrAnOverride() {
    QVERIFY(!qs::lacksCalibration({.method = "rtn"}));
    QVERIFY(!qs::lacksCalibration({.method = "magic"}));
    qs::QuantRequest request{.method = "gptq"};
    QVERIFY(qs::lacksCalibration(request));
    request.calibration.runModel = true;
    QVERIFY(!qs::lacksCalibration(request));
    qs::QuantRequest overridden{.method = "rtn"};
    overridden.overrides = {{.glob = "a.*", .method = "awq"}};
    QVERIFY(qs::lacksCalibration(overridden));
  }

  void refuses_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<QString>("key");
    QTest::addColumn<int>("value");
    QTest::newRow("an unknown method") << "magic"
                                       << "bits" << 4;
    QTest::newRow("bits above the range") << "rtn"
                                          << "bits" << 9;
    QTest::newRow("a setting that the method lacks") << "rtn"
                                                     << "alpha" << 1;
    QTest::newRow("a group of negative size") << "rtn"
                                              << "group_size" << -7;
  }
  void refuses() {
    QFETCH(QString, method);
    QFETCH(QString, key);
    QFETCH(int, value);
    const qs::QuantRequest request{.method = method.toStdString(),
                                   .settings = qs::Settings({{key.toStdString(), std::int64_t{value}}})};
    try {
      qs::validateRequest(request);
      QFAIL("accepted");
    } catch (const qs::Error& error) {
      QCOMPARE(error.kind(), qs::ErrorKind::Request);
    }
  }

  void refusesAFaultyOverride() {
    qs::QuantRequest request{.method = "rtn"};
    request.overrides = {{.glob = "*", .settings = settings(17)}};
    QVERIFY_EXCEPTION_THROWN(qs::validateRequest(request), qs::Error);
    request.overrides = {{.glob = "", .skip = true}};
    QVERIFY_EXCEPTION_THROWN(qs::validateRequest(request), qs::Error);
  }

  void holdOutOfEveryRowIsRefused() {
    QVERIFY_EXCEPTION_THROWN(qs::validateRequest({.calibration = {.holdOutEvery = 1}}), qs::Error);
  }

  void everyFieldIsInTheJsonThatARunIsKeyedBy() {
    using Change = std::function<void(qs::QuantRequest&)>;
    const std::vector<Change> changes{[](auto& r) { r.method = "gptq"; },
                                      [](auto& r) { r.settings = settings(3); },
                                      [](auto& r) { r.layers.include = {"a.*"}; },
                                      [](auto& r) { r.layers.exclude = {"a.*"}; },
                                      [](auto& r) { r.overrides = {{.glob = "x", .settings = settings(8)}}; },
                                      [](auto& r) { r.overrides = {{.glob = "y", .skip = true}}; },
                                      [](auto& r) { r.shareInput = {"[ab]"}; },
                                      [](auto& r) { r.calibration.activationsFile = "a"; },
                                      [](auto& r) { r.calibration.textFile = "a"; },
                                      [](auto& r) { r.calibration.runModel = true; },
                                      [](auto& r) { r.calibration.holdOutEvery = 8; },
                                      [](auto& r) { r.calibration.window = 8; },
                                      [](auto& r) { r.calibration.windows = 8; },
                                      [](auto& r) { r.calibration.sequential = true; },
                                      [](auto& r) { r.trainingText = "a"; },
                                      [](auto& r) { r.scaleType = qs::ScaleType::F16; },
                                      [](auto& r) { r.seed = 7; }};
    std::set<std::string> keys{qs::toJson(qs::QuantRequest{}).dump()};
    for (const Change& change : changes) {
      qs::QuantRequest request;
      change(request);
      keys.insert(qs::toJson(request).dump());
    }
    QCOMPARE(keys.size(), changes.size() + 1);
  }
};

QTEST_APPLESS_MAIN(TestQuantRequest)
#include "tst_quant_request.moc"
