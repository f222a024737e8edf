#include <QtTest>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/kernels/block_decode.h"

using namespace qs;

namespace {

// One block as GGUF's specification numbers its bytes. The formulas below are the specification's,
// element by element, and share nothing with the decoder.
class Block {
 public:
  Block(DType type, std::mt19937& random) : m_bytes(static_cast<std::size_t>(traits(type).bits / 8)) {
    for (std::uint8_t& byte : m_bytes) byte = static_cast<std::uint8_t>(random());
  }
  [[nodiscard]] int byte(int at) const { return m_bytes[static_cast<std::size_t>(at)]; }
  [[nodiscard]] int bits(int at, int shift, int count) const { return (byte(at) >> shift) & ((1 << count) - 1); }
  [[nodiscard]] int signedByte(int at) const { return byte(at) >= 128 ? byte(at) - 256 : byte(at); }
  [[nodiscard]] double half(int at) const {
    const int bits = byte(at) | byte(at + 1) << 8;
    const int exponent = (bits >> 10) & 31;
    const double sign = bits >= 32768 ? -1.0 : 1.0;
    const int mantissa = bits & 1023;
    return exponent == 0 ? sign * std::ldexp(mantissa, -24) : sign * std::ldexp(1024 + mantissa, exponent - 25);
  }
  // Random exponents would give infinities; scales near 1 tell as much.
  void tameHalf(int at) { m_bytes[static_cast<std::size_t>(at) + 1] = static_cast<std::uint8_t>(0x38 + byte(at) % 4); }
  void set(int at, int value) { m_bytes[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value); }
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::as_bytes(std::span(m_bytes)); }

 private:
  std::vector<std::uint8_t> m_bytes;
};

constexpr double kE2m1[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6};
constexpr double kIq4[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Halves: the low nibbles are elements 0 to 15.
int halves(const Block& b, int qs, int e) { return e < 16 ? b.bits(qs + e, 0, 4) : b.bits(qs + e - 16, 4, 4); }

int fifthBit(const Block& b, int qh, int e) { return b.bits(qh + e / 8, e % 8, 1) * 16; }

int twoBits(const Block& b, int qs, int e) { return b.bits(qs + 32 * (e / 128) + e % 32, 2 * (e % 128 / 32), 2); }

int kScale(const Block& b, int scales, int j) {
  return j < 4 ? b.bits(scales + j, 0, 6) : b.bits(scales + j + 4, 0, 4) + 16 * b.bits(scales + j - 4, 6, 2);
}
int kMin(const Block& b, int scales, int j) {
  return j < 4 ? b.bits(scales + j + 4, 0, 6) : b.bits(scales + j + 4, 4, 4) + 16 * b.bits(scales + j, 6, 2);
}
int kNibble(const Block& b, int qs, int e) { return b.bits(qs + 32 * (e / 64) + e % 32, e % 64 < 32 ? 0 : 4, 4); }

double e4m3(int code) {
  const int exponent = (code >> 3) & 15;
  return exponent == 0 ? std::ldexp(code & 7, -9) : std::ldexp(8 + (code & 7), exponent - 10);
}

double q3k(const Block& b, int e) {
  const int s = e / 16;
  const int low = s < 8 ? b.bits(96 + s, 0, 4) : b.bits(96 + s - 8, 4, 4);
  const int scale = low + 16 * b.bits(96 + 8 + s % 4, 2 * (s / 4), 2) - 32;
  const int high = b.bits(e % 32, 4 * (e / 128) + e % 128 / 32, 1);
  return b.half(108) * scale * (twoBits(b, 32, e) + 4 * high - 4);
}

double q6k(const Block& b, int e) {
  const int h = e / 128;
  const int l = e % 32;
  const int part = e % 128 / 32;
  const int low = b.bits(64 * h + l + (part % 2 == 1 ? 32 : 0), part < 2 ? 0 : 4, 4);
  return b.half(208) * b.signedByte(192 + e / 16) * (low + 16 * b.bits(128 + 32 * h + l, 2 * part, 2) - 32);
}

double iq4xs(const Block& b, int e) {
  const int ib = e / 32;
  const int high = (b.byte(2) | b.byte(3) << 8) >> (2 * ib) & 3;
  const int scale = b.bits(4 + ib / 2, 4 * (ib % 2), 4) + 16 * high - 32;
  return b.half(0) * scale * kIq4[halves(b, 8 + 16 * ib, e % 32)];
}

double nvfp4(const Block& b, int e) {
  const int sub = e / 16;
  const int j = e % 16;
  const double scale = b.byte(sub) == 0x7F ? 0.0 : e4m3(b.byte(sub));
  return scale * kE2m1[j < 8 ? b.bits(4 + 8 * sub + j, 0, 4) : b.bits(4 + 8 * sub + j - 8, 4, 4)];
}

struct Row {
  DType type;
  std::vector<int> halfAt;  // where scales in F16 stand
  double (*value)(const Block&, int);
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {DType::Q4_0, {0}, [](const Block& b, int e) { return (halves(b, 2, e) - 8) * b.half(0); }},
      {DType::Q4_1, {0, 2}, [](const Block& b, int e) { return halves(b, 4, e) * b.half(0) + b.half(2); }},
      {DType::Q5_0, {0}, [](const Block& b, int e) { return (halves(b, 6, e) + fifthBit(b, 2, e) - 16) * b.half(0); }},
      {DType::Q5_1,
       {0, 2},
       [](const Block& b, int e) { return (halves(b, 8, e) + fifthBit(b, 4, e)) * b.half(0) + b.half(2); }},
      {DType::Q8_0, {0}, [](const Block& b, int e) { return b.signedByte(2 + e) * b.half(0); }},
      {DType::Q2_K,
       {80, 82},
       [](const Block& b, int e) {
         return b.half(80) * b.bits(e / 16, 0, 4) * twoBits(b, 16, e) - b.half(82) * b.bits(e / 16, 4, 4);
       }},
      {DType::Q3_K, {108}, q3k},
      {DType::Q4_K,
       {0, 2},
       [](const Block& b, int e) {
         return b.half(0) * kScale(b, 4, e / 32) * kNibble(b, 16, e) - b.half(2) * kMin(b, 4, e / 32);
       }},
      {DType::Q5_K,
       {0, 2},
       [](const Block& b, int e) {
         const int q = kNibble(b, 48, e) + 16 * b.bits(16 + e % 32, e / 32, 1);
         return b.half(0) * kScale(b, 4, e / 32) * q - b.half(2) * kMin(b, 4, e / 32);
       }},
      {DType::Q6_K, {208}, q6k},
      {DType::IQ4_NL, {0}, [](const Block& b, int e) { return b.half(0) * kIq4[halves(b, 2, e)]; }},
      {DType::IQ4_XS, {0}, iq4xs},
      {DType::MXFP4,
       {},
       [](const Block& b, int e) { return kE2m1[halves(b, 1, e)] * std::ldexp(1.0, b.byte(0) - 127); }},
      {DType::NVFP4, {}, nvfp4},
      {DType::Q1_0, {0}, [](const Block& b, int e) { return (2 * b.bits(2 + e / 8, e % 8, 1) - 1) * b.half(0); }},
      {DType::Q2_0, {0}, [](const Block& b, int e) { return (b.bits(2 + e / 4, 2 * (e % 4), 2) - 1) * b.half(0); }},
  };
  return all;
}

}  // namespace

class TestBlockKnownAnswers : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void everyTypeIsInTheTable() {
    for (const DTypeTraits& row : allDTypes())
      if (isBlockType(row.type))
        QVERIFY2(std::any_of(rows().begin(), rows().end(), [&](const Row& known) { return known.type == row.type; }),
                 std::string(row.name).c_str());
  }

  void decodingFollowsTheSpecification_data() {
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < rows().size(); ++i)
      QTest::newRow(std::string(name(rows()[i].type)).c_str()) << static_cast<int>(i);
  }
  void decodingFollowsTheSpecification() {
    QFETCH(int, index);
    const Row& row = rows()[static_cast<std::size_t>(index)];
    std::mt19937 random(17);
    for (int repeat = 0; repeat < 20; ++repeat) {
      Block block(row.type, random);
      for (const int at : row.halfAt) block.tameHalf(at);
      if (row.type == DType::MXFP4) block.set(0, 120 + repeat);
      if (row.type == DType::NVFP4)
        for (int sub = 0; sub < 4; ++sub) block.set(sub, repeat == 0 ? 0x7F - 3 * (sub % 2) : block.byte(sub) & 0x7F);
      std::vector<float> values(static_cast<std::size_t>(traits(row.type).blockElements));
      decodeBlocks(row.type, block.bytes(), values);
      for (int e = 0; e < static_cast<int>(values.size()); ++e) {
        const double expected = row.value(block, e);
        // A product of two and a difference of two such products in F32: a few roundings of the largest part.
        constexpr double kRounding = 6e-7;
        const double allowed = kRounding * (std::abs(expected) + 256);
        QVERIFY2(std::abs(static_cast<double>(values[static_cast<std::size_t>(e)]) - expected) <= allowed,
                 qPrintable(QString("element %1: expected %2, got %3")
                                .arg(e)
                                .arg(expected)
                                .arg(static_cast<double>(values[static_cast<std::size_t>(e)]))));
      }
    }
  }
};

QTEST_APPLESS_MAIN(TestBlockKnownAnswers)
#include "tst_block_known_answers.moc"
