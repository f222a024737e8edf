#include <QtTest>

#include <bit>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "core/kernels/convert.h"
#include "core/tensor/half.h"

using namespace qs;

namespace {

constexpr std::size_t kMisalignment = 1;

template <typename T>
std::vector<float> widen(DType type, const std::vector<T>& values) {
  std::vector<std::byte> bytes(kMisalignment);
  for (const std::byte stored : std::as_bytes(std::span(values))) bytes.push_back(stored);
  std::vector<float> out(values.size());
  widenToFloat(type, std::span(bytes).subspan(kMisalignment), out);
  return out;
}

// Equal to the bit: NaN payloads and signs of zero included.
void compareBits(float actual, float expected) {
  QCOMPARE(std::bit_cast<std::uint32_t>(actual), std::bit_cast<std::uint32_t>(expected));
}

template <typename T>
std::vector<T> everyCode() {
  std::vector<T> codes(std::size_t{1} << (8 * sizeof(T)));
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<T>(i);
  return codes;
}

// Every exponent with mantissas at and around the ties of F16 and BF16, and random bit patterns.
std::vector<float> telltaleFloats() {
  std::vector<float> values;
  for (std::uint32_t top = 0; top < 0x200U; ++top)
    for (const std::uint32_t mantissa : {0U, 1U, 0x0FFFU, 0x1000U, 0x1001U, 0x2FFFU, 0x3000U, 0x7FFFU, 0x8000U, 0x8001U,
                                         0x18000U, 0x400000U, 0x7FE000U, 0x7FF000U, 0x7FFFFFU})
      values.push_back(std::bit_cast<float>((top << 23U) | mantissa));
  std::mt19937 random(1);
  for (int i = 0; i < 100'000; ++i) values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
  return values;
}

}  // namespace

class TestConvert : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void everyHalfAsTheScalarConversion() {
    const auto codes = everyCode<std::uint16_t>();
    const auto values = widen(DType::F16, codes);
    for (std::size_t i = 0; i < codes.size(); ++i) compareBits(values[i], halfToFloat(codes[i]));
  }

  void everyBfloat16AsTheScalarConversion() {
    const auto codes = everyCode<std::uint16_t>();
    const auto values = widen(DType::BF16, codes);
    for (std::size_t i = 0; i < codes.size(); ++i) compareBits(values[i], bfloat16ToFloat(codes[i]));
  }

  void everyByteFloatAsTheScalarConversion_data() {
    QTest::addColumn<int>("type");
    for (const DType type : {DType::F8E4M3, DType::F8E5M2, DType::F8E4M3FNUZ, DType::F8E5M2FNUZ, DType::F8E8M0})
      QTest::newRow(std::string(name(type)).c_str()) << static_cast<int>(type);
  }
  void everyByteFloatAsTheScalarConversion() {
    QFETCH(int, type);
    const auto dtype = static_cast<DType>(type);
    const auto codes = everyCode<std::uint8_t>();
    const auto values = widen(dtype, codes);
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const float expected = dtype == DType::F8E4M3       ? miniFloatToFloat(kE4M3, codes[i])
                             : dtype == DType::F8E5M2     ? miniFloatToFloat(kE5M2, codes[i])
                             : dtype == DType::F8E4M3FNUZ ? miniFloatToFloat(kE4M3FNUZ, codes[i])
                             : dtype == DType::F8E5M2FNUZ ? miniFloatToFloat(kE5M2FNUZ, codes[i])
                                                          : e8m0ToFloat(codes[i]);
      compareBits(values[i], expected);
    }
  }

  void integersAndDoublesRoundToTheNearest() {
    QCOMPARE(widen<std::int8_t>(DType::I8, {-128, -1, 127}), (std::vector<float>{-128, -1, 127}));
    QCOMPARE(widen<std::uint8_t>(DType::U8, {0, 255}), (std::vector<float>{0, 255}));
    QCOMPARE(widen<std::int16_t>(DType::I16, {-32768, 32767}), (std::vector<float>{-32768, 32767}));
    QCOMPARE(widen<std::uint16_t>(DType::U16, {65535}), (std::vector<float>{65535}));
    QCOMPARE(widen<std::int32_t>(DType::I32, {-16777217, 16777219}), (std::vector<float>{-16777216, 16777220}));
    QCOMPARE(widen<std::uint32_t>(DType::U32, {4294967295U}), (std::vector<float>{4294967296.0F}));
    QCOMPARE(widen<std::int64_t>(DType::I64, {std::numeric_limits<std::int64_t>::min()}),
             (std::vector<float>{-9223372036854775808.0F}));
    QCOMPARE(widen<std::uint64_t>(DType::U64, {std::numeric_limits<std::uint64_t>::max()}),
             (std::vector<float>{18446744073709551616.0F}));
    QCOMPARE(widen<double>(DType::F64, {1.0 + 0x1p-24, 1.0 + 0x3p-24}), (std::vector<float>{1.0F, 1.0F + 0x1p-22F}));
  }

  void narrowingAsTheScalarConversion() {
    const auto values = telltaleFloats();
    std::vector<std::uint16_t> half(values.size());
    std::vector<std::uint16_t> brain(values.size());
    narrowToHalf(values, half);
    narrowToBfloat16(values, brain);
    for (std::size_t i = 0; i < values.size(); ++i) {
      QCOMPARE(half[i], floatToHalf(values[i]));
      QCOMPARE(brain[i], floatToBfloat16(values[i]));
    }
  }

  void shortRunsAreConvertedToo() {
    for (std::size_t count = 0; count < 40; ++count) {
      const auto all = everyCode<std::uint16_t>();
      const std::vector<std::uint16_t> codes(all.begin() + 0x3C00, all.begin() + 0x3C00 + static_cast<long>(count));
      const auto values = widen(DType::F16, codes);
      for (std::size_t i = 0; i < count; ++i) compareBits(values[i], halfToFloat(codes[i]));
    }
  }
};

QTEST_APPLESS_MAIN(TestConvert)
#include "tst_convert.moc"
