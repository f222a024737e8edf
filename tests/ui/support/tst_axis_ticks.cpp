#include <QtTest>
#include <cmath>

#include "ui/support/axis_ticks.h"

using namespace qs;

class TestAxisTicks : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { QLocale::setDefault(QLocale(QLocale::English)); }

  void linearSteps_data() {
    QTest::addColumn<double>("low");
    QTest::addColumn<double>("high");
    QTest::addColumn<double>("step");
    QTest::newRow("input channels of a 7B layer") << 0.0 << 11008.0 << 2000.0;
    QTest::newRow("weights around zero") << -0.21 << 0.21 << 0.1;
    QTest::newRow("a deep zoom far from zero") << 1.00001 << 1.00002 << 2e-6;
  }
  void linearSteps() {
    QFETCH(double, low);
    QFETCH(double, high);
    QFETCH(double, step);
    const AxisTicks ticks = linearTicks(low, high);
    QVERIFY(ticks.major.size() >= 2 && ticks.major.size() <= 8);
    QCOMPARE(ticks.labels.size(), ticks.major.size());
    QVERIFY(std::abs(ticks.major[1] - ticks.major[0] - step) < step * 1e-6);
    for (const double value : ticks.major) QVERIFY(value >= low - step * 1e-6 && value <= high + step * 1e-6);
  }

  void neverMoreThanTwelve() {
    for (const double high : {1e-9, 0.37, 7.0, 11008.0, 3e12})
      for (int most = 2; most <= 40; ++most)
        QVERIFY(linearTicks(0, high, most).major.size() <= static_cast<std::size_t>(std::min(most, kMostTicks)));
  }

  void wholeNumbersOnly() {
    for (const double value : linearTicks(0, 3, 12, true).major) QCOMPARE(value, std::round(value));
  }

  void decades() {
    const AxisTicks ticks = decadeTicks(0.5, 1e4);
    QCOMPARE(ticks.major, (std::vector<double>{1, 10, 100, 1000, 10000}));
    QCOMPARE(ticks.labels.back(), QString("10,000"));
    QCOMPARE(decadeTicks(1, 1e7).labels.back(), QString("10⁷"));
    QCOMPARE(wholeDecades(2, 9).low, 1.0);
    QCOMPARE(wholeDecades(2, 9).high, 10.0);
    QCOMPARE(wholeDecades(10, 10).high, 100.0);
  }

  void nothingOfAnEmptyOrHostileRange() {
    QVERIFY(linearTicks(1, 1).major.empty());
    QVERIFY(linearTicks(0, std::nan("")).major.empty());
    QVERIFY(decadeTicks(0, 10).major.empty());
    QVERIFY(decadeTicks(-1, 10).major.empty());
  }
};

QTEST_GUILESS_MAIN(TestAxisTicks)
#include "tst_axis_ticks.moc"
