#include <QtTest>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/kernels/block_decode.h"
#include "core/kernels/block_encode.h"
#include "core/tensor/half.h"
#include "tests/support/vector_targets.h"

using namespace qs;

namespace {

std::vector<float> decode(DType type, const std::vector<std::uint8_t>& bytes) {
  const std::size_t blocks = bytes.size() / static_cast<std::size_t>(traits(type).bits / 8);
  std::vector<float> values(blocks * static_cast<std::size_t>(traits(type).blockElements));
  decodeBlocks(type, std::as_bytes(std::span(bytes)), values);
  return values;
}

std::vector<std::uint8_t> encode(DType type, const std::vector<float>& values) {
  const std::size_t blocks = values.size() / static_cast<std::size_t>(traits(type).blockElements);
  std::vector<std::uint8_t> bytes(blocks * static_cast<std::size_t>(traits(type).bits / 8));
  encodeBlocks(type, values, {}, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

std::vector<float> gaussian(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, 0.02F);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

double relativeError(const std::vector<float>& values, const std::vector<float>& approximation) {
  double error = 0;
  double reference = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    error += std::pow(static_cast<double>(values[i]) - approximation[i], 2);
    reference += std::pow(static_cast<double>(values[i]), 2);
  }
  return error / reference;
}

void putHalf(std::vector<std::uint8_t>& bytes, std::size_t at, float value) {
  const std::uint16_t bits = floatToHalf(value);
  std::memcpy(&bytes[at], &bits, sizeof bits);
}

}  // namespace

class TestBlocks : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void lowNibblesAreTheFirstHalf() {
    std::vector<std::uint8_t> block(18);
    putHalf(block, 0, 0.5F);
    for (std::size_t j = 0; j < 16; ++j) block[2 + j] = static_cast<std::uint8_t>(j | (15 - j) << 4U);
    const std::vector<float> values = decode(DType::Q4_0, block);
    for (std::size_t j = 0; j < 16; ++j) {
      QCOMPARE(values[j], (static_cast<float>(j) - 8.0F) * 0.5F);
      QCOMPARE(values[j + 16], (7.0F - static_cast<float>(j)) * 0.5F);
    }
  }

  void fifthBitsComeFromTheWord() {
    std::vector<std::uint8_t> block(22);
    putHalf(block, 0, 1.0F);
    const std::uint32_t high = (1U << 3U) | (1U << 20U);
    std::memcpy(&block[2], &high, sizeof high);
    const std::vector<float> values = decode(DType::Q5_0, block);
    for (std::size_t j = 0; j < 32; ++j) QCOMPARE(values[j], j == 3 || j == 20 ? 0.0F : -16.0F);
  }

  // Scales 1..8 and minima 11..18 (times 7 to use the upper bits), packed by hand after the specification.
  void kScalesUnpackFromTwelveBytes() {
    std::vector<std::uint8_t> block(144);
    putHalf(block, 0, 1.0F);
    putHalf(block, 2, 1.0F);
    const std::array<unsigned, 8> scales{1, 2, 3, 4, 21, 38, 55, 63};
    const std::array<unsigned, 8> minima{11, 12, 13, 14, 31, 48, 60, 17};
    for (std::size_t j = 0; j < 4; ++j) {
      block[4 + j] = static_cast<std::uint8_t>(scales[j] + (scales[j + 4] / 16) * 64);
      block[8 + j] = static_cast<std::uint8_t>(minima[j] + (minima[j + 4] / 16) * 64);
      block[12 + j] = static_cast<std::uint8_t>(scales[j + 4] % 16 + (minima[j + 4] % 16) * 16);
    }
    for (std::size_t l = 0; l < 128; ++l) block[16 + l] = 0x21;  // low nibble 1, high nibble 2
    const std::vector<float> values = decode(DType::Q4_K, block);
    for (std::size_t e = 0; e < 256; ++e) {
      const std::size_t sub = e / 32;
      const auto q = static_cast<float>(sub % 2 == 0 ? 1 : 2);
      QCOMPARE(values[e], static_cast<float>(scales[sub]) * q - static_cast<float>(minima[sub]));
    }
  }

  void q6ElementsFollowTheQuarters() {
    std::vector<std::uint8_t> block(210);
    putHalf(block, 208, 1.0F);
    for (std::size_t s = 0; s < 16; ++s) block[192 + s] = 1;
    block[64 + 5] = 0x0F;        // second half, quarter 0, l = 5: low nibble
    block[64 + 32 + 7] = 0xA0;   // second half, quarter 3, l = 7: high nibble 10
    block[128 + 32 + 7] = 0xC0;  // its upper bits: 3
    const std::vector<float> values = decode(DType::Q6_K, block);
    for (std::size_t e = 0; e < 256; ++e)
      QCOMPARE(values[e], e == 128 + 5 ? 15.0F - 32.0F : e == 128 + 96 + 7 ? 58.0F - 32.0F : -32.0F);
  }

  void fp4BlocksUseThePowerOfTwo() {
    std::vector<std::uint8_t> block(17);
    block[0] = 128;
    block[1] = 0xF7;
    const std::vector<float> values = decode(DType::MXFP4, block);
    QCOMPARE(values[0], 12.0F);
    QCOMPARE(values[16], -12.0F);
    QCOMPARE(values[1], 0.0F);
  }

  void codesSurviveDecodingAndEncoding_data() {
    QTest::addColumn<int>("type");
    for (const DType type : {DType::Q4_0, DType::Q5_0, DType::Q8_0})
      QTest::newRow(std::string(name(type)).c_str()) << static_cast<int>(type);
  }
  // A block whose extreme is exactly representable comes back byte for byte.
  void codesSurviveDecodingAndEncoding() {
    QFETCH(int, type);
    const auto dtype = static_cast<DType>(type);
    const std::vector<std::uint8_t> first = encode(dtype, gaussian(32 * 50, 3));
    const std::vector<float> values = decode(dtype, first);
    QCOMPARE(encode(dtype, values), encode(dtype, decode(dtype, encode(dtype, values))));
  }

  void errorStaysWithinTheTypesBound_data() {
    QTest::addColumn<int>("type");
    QTest::addColumn<double>("bound");
    // Σerr²/Σx² on Gaussian values; about 6 dB a bit, the constants checked against uniform-quantization theory.
    QTest::newRow("Q4_0") << static_cast<int>(DType::Q4_0) << 8e-3;
    QTest::newRow("Q4_1") << static_cast<int>(DType::Q4_1) << 7e-3;
    QTest::newRow("Q5_0") << static_cast<int>(DType::Q5_0) << 2e-3;
    QTest::newRow("Q5_1") << static_cast<int>(DType::Q5_1) << 1.7e-3;
    QTest::newRow("Q8_0") << static_cast<int>(DType::Q8_0) << 4e-5;
    QTest::newRow("IQ4_NL") << static_cast<int>(DType::IQ4_NL) << 7e-3;
    QTest::newRow("MXFP4") << static_cast<int>(DType::MXFP4) << 2e-2;
    QTest::newRow("Q2_K") << static_cast<int>(DType::Q2_K) << 1.2e-1;
    QTest::newRow("Q3_K") << static_cast<int>(DType::Q3_K) << 3e-2;
    QTest::newRow("Q4_K") << static_cast<int>(DType::Q4_K) << 6.5e-3;
    QTest::newRow("Q5_K") << static_cast<int>(DType::Q5_K) << 1.6e-3;
    QTest::newRow("Q6_K") << static_cast<int>(DType::Q6_K) << 4.5e-4;
  }
  void errorStaysWithinTheTypesBound() {
    QFETCH(int, type);
    QFETCH(double, bound);
    const auto dtype = static_cast<DType>(type);
    const std::vector<float> values = gaussian(256 * 64, 7);
    const double error = relativeError(values, decode(dtype, encode(dtype, values)));
    QVERIFY2(error < bound, qPrintable(QString::number(error)));
    QVERIFY2(error > bound / 10, "suspiciously exact");
  }

  // The recipes of ggml's reference encoders, written out once more without the encoder's helpers.
  void q8AndQ4FollowTheReferenceRecipe() {
    const std::vector<float> values = gaussian(32 * 100, 11);
    const std::vector<std::uint8_t> q8 = encode(DType::Q8_0, values);
    const std::vector<std::uint8_t> q4 = encode(DType::Q4_0, values);
    for (std::size_t block = 0; block < 100; ++block) {
      const float* x = &values[32 * block];
      float extreme = 0;
      for (int j = 0; j < 32; ++j)
        if (std::abs(x[j]) > std::abs(extreme)) extreme = x[j];
      const float d8 = std::abs(extreme) / 127.0F;
      const float d4 = extreme / -8.0F;
      for (std::size_t j = 0; j < 32; ++j) {
        QCOMPARE(static_cast<int>(static_cast<std::int8_t>(q8[34 * block + 2 + j])),
                 static_cast<int>(std::lround(x[j] * (1.0F / d8))));
        const unsigned byte = q4[18 * block + 2 + j % 16];
        const int code = static_cast<int>(j < 16 ? byte & 15U : byte >> 4U);
        QCOMPARE(code, std::min(15, static_cast<int>(std::floor(x[j] * (1.0F / d4) + 8.5F))));
      }
    }
  }

  void q5FollowsTheReferenceRecipeByteForByte() {
    const std::vector<float> values = gaussian(32 * 100, 12);
    const std::vector<std::uint8_t> q50 = encode(DType::Q5_0, values);
    const std::vector<std::uint8_t> q51 = encode(DType::Q5_1, values);
    for (std::size_t block = 0; block < 100; ++block) {
      const float* x = &values[32 * block];
      float extreme = 0;
      float low = x[0];
      float high = x[0];
      for (int j = 0; j < 32; ++j) {
        if (std::abs(x[j]) > std::abs(extreme)) extreme = x[j];
        low = std::min(low, x[j]);
        high = std::max(high, x[j]);
      }
      const float d0 = extreme / -16.0F;
      const float d1 = (high - low) / 31.0F;
      std::vector<std::uint8_t> expected0(22);
      std::vector<std::uint8_t> expected1(24);
      putHalf(expected0, 0, d0);
      putHalf(expected1, 0, d1);
      putHalf(expected1, 2, low);
      for (std::size_t j = 0; j < 32; ++j) {
        const unsigned code0 = std::min(31U, static_cast<unsigned>(x[j] * (1.0F / d0) + 16.5F));
        const unsigned code1 = std::min(31U, static_cast<unsigned>((x[j] - low) * (1.0F / d1) + 0.5F));
        const auto put = [j](std::vector<std::uint8_t>& bytes, std::size_t bits, unsigned code) {
          bytes[bits + j / 8] = static_cast<std::uint8_t>(bytes[bits + j / 8] | (code >> 4U) << (j % 8));
          std::uint8_t& nibbles = bytes[bits + 4 + j % 16];
          nibbles = static_cast<std::uint8_t>(nibbles | (code & 15U) << (j < 16 ? 0U : 4U));
        };
        put(expected0, 2, code0);
        put(expected1, 4, code1);
      }
      QVERIFY(std::equal(expected0.begin(), expected0.end(), &q50[22 * block]));
      QVERIFY(std::equal(expected1.begin(), expected1.end(), &q51[24 * block]));
    }
  }

  void zerosStayZero() {
    const std::vector<float> zeros(256, 0.0F);
    for (const DTypeTraits& row : allDTypes()) {
      if (!canEncodeBlocks(row.type)) continue;
      for (const float value : decode(row.type, encode(row.type, zeros))) QCOMPARE(value, 0.0F);
    }
  }

  // Their scales' inverses overflow.
  void subnormalsAreStoredAsZeros_data() {
    QTest::addColumn<float>("size");
    QTest::newRow("the smallest") << std::numeric_limits<float>::denorm_min();
    QTest::newRow("small ones") << 1e-42F;
    QTest::newRow("almost normal ones") << 1e-38F;
  }
  void subnormalsAreStoredAsZeros() {
    QFETCH(float, size);
    std::vector<float> values(256);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = (i % 3 == 0 ? -size : size) / (i % 5 == 0 ? 2.0F : 1.0F);
    for (const DTypeTraits& row : allDTypes()) {
      if (!canEncodeBlocks(row.type)) continue;
      test::onEveryTarget([&](std::int64_t) {
        const std::vector<std::uint8_t> bytes = encode(row.type, values);
        for (const float value : decode(row.type, bytes)) QVERIFY2(std::abs(value) <= 4 * size, row.name.data());
        const bool isSymmetric = row.type == DType::Q4_0 || row.type == DType::Q5_0 || row.type == DType::Q8_0;
        if (!isSymmetric) return;
        const std::vector<std::uint8_t> zeros = encode(row.type, std::vector<float>(values.size(), 0.0F));
        const std::size_t blockBytes = bytes.size() / (values.size() / 32);
        for (std::size_t i = 0; i < bytes.size(); ++i)  // scales may be −0
          if (i % blockBytes >= 2) QCOMPARE(bytes[i], zeros[i]);
      });
    }
  }

  void importanceMovesTheErrorAway() {
    std::vector<float> values = gaussian(256 * 16, 5);
    std::vector<float> importance(values.size(), 0.01F);
    for (std::size_t i = 0; i < importance.size(); i += 8) importance[i] = 100.0F;
    std::vector<std::uint8_t> bytes(144 * 16);
    encodeBlocks(DType::Q4_K, values, importance, std::as_writable_bytes(std::span(bytes)));
    const auto weighted = [&](const std::vector<float>& approximation) {
      double sum = 0;
      for (std::size_t i = 0; i < values.size(); ++i) sum += importance[i] * std::pow(values[i] - approximation[i], 2);
      return sum;
    };
    QVERIFY(weighted(decode(DType::Q4_K, bytes)) < 0.8 * weighted(decode(DType::Q4_K, encode(DType::Q4_K, values))));
  }
};

QTEST_APPLESS_MAIN(TestBlocks)
#include "tst_blocks.moc"
