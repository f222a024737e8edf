#include <QtTest>

#include "core/base/error.h"
#include "core/quant/method_registry.h"
#include "core/quant/param_check.h"

using qs::ParamValue;
using qs::Settings;

class TestSettings : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void defaultsCompleteAnEmptySetting() {
    const Settings settings = qs::resolveSettings(qs::requireMethod("rtn"), {});
    QCOMPARE(settings.integer("bits"), std::int64_t{4});
    QCOMPARE(settings.integer("group_size"), std::int64_t{128});
    QVERIFY(!settings.flag("symmetric"));
    QCOMPARE(settings.choice("symmetric_range"), std::string("restricted"));
    QVERIFY(!settings.flag("mse_range"));
  }

  void schemeFollowsTheSettings() {
    const Settings settings =
        qs::resolveSettings(qs::requireMethod("rtn"), Settings({{"bits", std::int64_t{3}},
                                                                {"group_size", std::int64_t{-1}},
                                                                {"symmetric", true},
                                                                {"symmetric_range", std::string("full")}}));
    const qs::QuantScheme scheme = qs::integerScheme(settings, qs::ScaleType::F16);
    QCOMPARE(scheme.bits, 3);
    QCOMPARE(scheme.groupSize, qs::kPerChannel);
    QVERIFY(scheme.symmetric && scheme.range == qs::SymmetricRange::Full && scheme.scaleType == qs::ScaleType::F16);
  }

  void faultsNameTheSetting_data() {
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("text");
    QTest::newRow("bits below the range") << "bits"
                                          << "1";
    QTest::newRow("bits above the range") << "bits"
                                          << "9";
    QTest::newRow("bits with a fraction") << "bits"
                                          << "4.5";
    QTest::newRow("bits that are no number") << "bits"
                                             << "four";
    QTest::newRow("a group size below per-channel") << "group_size"
                                                    << "-2";
    QTest::newRow("a switch that is neither true nor false") << "symmetric"
                                                             << "maybe";
    QTest::newRow("a choice that isn't offered") << "symmetric_range"
                                                 << "wide";
  }
  void faultsNameTheSetting() {
    QFETCH(QString, key);
    QFETCH(QString, text);
    const qs::ParamSpec* spec = qs::requireMethod("rtn").parameter(key.toStdString());
    QVERIFY(spec != nullptr);
    try {
      static_cast<void>(qs::parseParamValue(*spec, text.toStdString()));
      QFAIL("accepted");
    } catch (const qs::Error& error) {
      QVERIFY(error.kind() == qs::ErrorKind::Request);
      QCOMPARE(QString::fromStdString(error.subject()), key);
    }
  }

  void unknownKeysAndWrongKindsAreRefused() {
    const qs::MethodInfo& rtn = qs::requireMethod("rtn");
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::resolveSettings(rtn, Settings({{"alpha", 0.5}}))), qs::Error);
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::resolveSettings(rtn, Settings({{"bits", 4.0}}))), qs::Error);
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::requireMethod("magic")), qs::Error);
  }

  void acceptedValuesAreThoseThatResolve() {
    const qs::ParamSpec* bits = qs::requireMethod("int8-dynamic").parameter("bits");
    QVERIFY(qs::acceptsValue(*bits, ParamValue(std::int64_t{8})));
    QVERIFY(!qs::acceptsValue(*bits, ParamValue(std::int64_t{4})));
    QVERIFY(!qs::acceptsValue(*bits, ParamValue(8.0)));
  }

  void wholeNumbersBecomeRealWhereTheSpecSaysSo() {
    const qs::MethodInfo method{
        .id = "m", .parameters = {{.key = "alpha", .kind = qs::ParamKind::Real, .defaultValue = 0.5, .maximum = 1}}};
    QCOMPARE(qs::resolveSettings(method, Settings({{"alpha", std::int64_t{1}}})).real("alpha"), 1.0);
    QCOMPARE(std::get<double>(qs::parseParamValue(method.parameters[0], "1")), 1.0);
  }

  void textOfAValueReadsBackAsTheSameValue() {
    QCOMPARE(qs::toText(ParamValue(true)), std::string("true"));
    QCOMPARE(qs::toText(ParamValue(std::int64_t{-1})), std::string("-1"));
    QCOMPARE(qs::toText(ParamValue(0.01)), std::string("0.01"));
    QCOMPARE(qs::toText(ParamValue(std::string("full"))), std::string("full"));
  }
};

QTEST_APPLESS_MAIN(TestSettings)
#include "tst_settings.moc"
