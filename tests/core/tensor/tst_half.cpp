#include <QtTest>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/tensor/half.h"

using namespace qs;

class TestHalf : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void everyHalfSurvivesTheRoundTrip() {
    for (std::uint32_t bits = 0; bits <= 0xFFFFU; ++bits) {
      const float value = halfToFloat(static_cast<std::uint16_t>(bits));
      if (std::isnan(value)) continue;
      QCOMPARE(floatToHalf(value), static_cast<std::uint16_t>(bits));
    }
  }

  void halfRoundsToTheNearestEven() {
    QCOMPARE(floatToHalf(1.0F + std::ldexp(1.0F, -11)), std::uint16_t{0x3C00});  // tie goes to the even mantissa
    QCOMPARE(floatToHalf(1.0F + 3 * std::ldexp(1.0F, -11)), std::uint16_t{0x3C02});
    QCOMPARE(floatToHalf(std::ldexp(1.0F, -25)), std::uint16_t{0});  // tie between 0 and 2^-24
    QCOMPARE(floatToHalf(std::ldexp(3.0F, -25)), std::uint16_t{2});
    QCOMPARE(floatToHalf(65519.0F), std::uint16_t{0x7BFF});
    QCOMPARE(floatToHalf(65520.0F), std::uint16_t{0x7C00});
  }

  void bfloat16RoundsAndKeepsNan() {
    QCOMPARE(floatToBfloat16(std::bit_cast<float>(0x3F808000U)), std::uint16_t{0x3F80});
    QCOMPARE(floatToBfloat16(std::bit_cast<float>(0x3F818000U)), std::uint16_t{0x3F82});
    QVERIFY(std::isnan(bfloat16ToFloat(floatToBfloat16(std::bit_cast<float>(0x7F800001U)))));
    QCOMPARE(floatToBfloat16(std::numeric_limits<float>::max()), std::uint16_t{0x7F80});
  }

  void miniFloats_data() {
    QTest::addColumn<int>("which");
    QTest::addColumn<float>("largest");
    QTest::addColumn<float>("smallest");
    QTest::newRow("E4M3FN") << 0 << 448.0F << std::ldexp(1.0F, -9);
    QTest::newRow("E5M2") << 1 << 57344.0F << std::ldexp(1.0F, -16);
    QTest::newRow("E4M3FNUZ") << 2 << 240.0F << std::ldexp(1.0F, -10);
    QTest::newRow("E5M2FNUZ") << 3 << 57344.0F << std::ldexp(1.0F, -17);
    QTest::newRow("E2M1") << 4 << 6.0F << 0.5F;
  }
  void miniFloats() {
    QFETCH(int, which);
    QFETCH(float, largest);
    QFETCH(float, smallest);
    const MiniFloat format = std::array{kE4M3, kE5M2, kE4M3FNUZ, kE5M2FNUZ, kE2M1}[static_cast<std::size_t>(which)];
    const int codes = 1 << (1 + format.exponentBits + format.mantissaBits);
    float found = 0;
    for (int code = 0; code < codes; ++code) {
      const float value = miniFloatToFloat(format, static_cast<std::uint8_t>(code));
      if (!std::isfinite(value)) continue;
      found = std::max(found, value);
      QCOMPARE(static_cast<int>(floatToMiniFloat(format, value)), code);
    }
    QCOMPARE(found, largest);
    QCOMPARE(miniFloatToFloat(format, 1), smallest);
    QCOMPARE(miniFloatToFloat(format, floatToMiniFloat(format, 1e30F)), largest);
  }

  void fp4HasItsEightValues() {
    const std::array values{0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F};
    for (std::size_t code = 0; code < values.size(); ++code)
      QCOMPARE(miniFloatToFloat(kE2M1, static_cast<std::uint8_t>(code)), values[code]);
    QCOMPARE(static_cast<int>(floatToMiniFloat(kE2M1, 5.0F)), 6);  // tie between 4 and 6: the even code
  }
};

QTEST_APPLESS_MAIN(TestHalf)
#include "tst_half.moc"
