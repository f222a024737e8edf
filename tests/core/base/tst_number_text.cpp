#include <QtTest>

#include <cmath>
#include <limits>

#include "core/base/number_text.h"
#include "tests/support/comma_locale.h"

using namespace qs;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

class TestNumberText : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void numbersAreWrittenWithAPointEverywhere() {
    const qs::test::CommaLocale locale;
    if (!locale.isSet()) QSKIP("the machine can't make a locale with decimal commas");
    QCOMPARE(exactText(0.1), std::string("0.1"));
    QCOMPARE(roundedText(1234.5678, 6), std::string("1234.57"));
    QCOMPARE(fixedText(2.25, 1), std::string("2.2"));  // half to even
  }

  void extremes() {
    QCOMPARE(exactText(0.1F), std::string("0.1"));
    QCOMPARE(exactText(std::numeric_limits<double>::denorm_min()), std::string("5e-324"));
    QCOMPARE(exactText(kInfinity), std::string());
    QCOMPARE(roundedText(std::nan(""), 3), std::string());
    QCOMPARE(fixedText(kInfinity, 3), std::string("inf"));
    QCOMPARE(fixedText(-std::numeric_limits<double>::max(), 1).size(), std::size_t{1 + 309 + 2});
    QCOMPARE(fixedText(1e20, 0), std::string("100000000000000000000"));
  }
};

QTEST_APPLESS_MAIN(TestNumberText)
#include "tst_number_text.moc"
