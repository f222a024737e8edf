#include <QtTest>
#include <limits>

#include "ui/support/number_format.h"

using namespace qs;

class TestNumberFormat : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { QLocale::setDefault(QLocale(QLocale::English)); }

  void significant_data() {
    QTest::addColumn<double>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("three digits of a small error") << 0.031249 << "0.0312";
    QTest::newRow("rounding carries to the next power") << 9.996 << "10.0";
    QTest::newRow("a negative number has a true minus") << -12.34 << "−12.3";
    QTest::newRow("tiny numbers in powers of ten") << 4.56e-7 << "4.56e−7";
    QTest::newRow("large numbers in powers of ten") << 1.234e9 << "1.23e9";
    QTest::newRow("zero") << 0.0 << "0";
    QTest::newRow("no number") << std::numeric_limits<double>::quiet_NaN() << "NaN";
    QTest::newRow("infinity") << std::numeric_limits<double>::infinity() << "∞";
  }
  void significant() {
    QFETCH(double, value);
    QFETCH(QString, text);
    QCOMPARE(number::significant(value), text);
  }

  void sizes_data() {
    QTest::addColumn<qulonglong>("bytes");
    QTest::addColumn<QString>("text");
    QTest::newRow("bytes") << 512ULL << "512 B";
    QTest::newRow("a gigabyte is 10 to the 9") << 3'900'000'000ULL << "3.90 GB";
    QTest::newRow("rounds up to the next unit") << 999'999'999ULL << "1.00 GB";
  }
  void sizes() {
    QFETCH(qulonglong, bytes);
    QFETCH(QString, text);
    QCOMPARE(number::size(bytes).replace(QChar(0xa0), ' '), text);
  }

  void words() {
    QCOMPARE(number::decibels(std::numeric_limits<double>::infinity()), QString("∞ dB exact"));
    QCOMPARE(number::significant(std::optional<double>()), QString("not measured"));
    QCOMPARE(number::factor(2.71), QString("2.7×"));
    QCOMPARE(number::counted(1, "1 layer", "%1 layers"), QString("1 layer"));
    QCOMPARE(number::counted(0, "1 layer", "%1 layers"), QString("0 layers"));
    QCOMPARE(number::bits(4.1604), QString("4.16"));
    QCOMPARE(number::difference(0.11), QString("+0.110"));
    QCOMPARE(number::percent(0.03124).replace(QChar(0xa0), ' '), QString("3.12 %"));
    QCOMPARE(number::duration(125).replace(QChar(0xa0), ' '), QString("2 min 05 s"));
    QCOMPARE(number::duration(0.0061).replace(QChar(0xa0), ' '), QString("6.10 ms"));
    QCOMPARE(number::perplexity(5.634, 0.031).replace(QChar(0xa0), ' '), QString("5.63 ± 0.03"));
  }

  void theScreenFollowsTheLocaleAndFilesDoNot() {
    QLocale::setDefault(QLocale(QLocale::German));
    QCOMPARE(number::significant(0.5), QString("0,500"));
    QCOMPARE(number::count(12034), QString("12.034"));
    QCOMPARE(number::toCText(1234567.25), QString("1234567.25"));
    QCOMPARE(number::toCText(0.1), QString("0.1"));
  }
};

QTEST_GUILESS_MAIN(TestNumberFormat)
#include "tst_number_format.moc"
