#include <QtTest>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <hwy/highway.h>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/decode_benchmark.h"
#include "core/kernels/decode_matvec.h"
#include "core/tensor/half.h"
#include "tests/support/vector_targets.h"

using namespace qs;

namespace {

std::vector<float> gaussian(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, 1.0F);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// The weights that a laid-out matrix stands for, decoded once more from the documented layout.
std::vector<double> weightsOf(const DecodeMatrix& m) {
  std::vector<double> weights(m.rows * m.cols);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::size_t row = i / m.cols;
    if (m.format == DecodeFormat::F32) {
      weights[i] = reinterpret_cast<const float*>(m.weights.get())[i];
    } else if (m.format == DecodeFormat::F16) {
      weights[i] = halfToFloat(reinterpret_cast<const std::uint16_t*>(m.weights.get())[i]);
    } else if (m.format == DecodeFormat::Int8) {
      weights[i] = static_cast<double>(reinterpret_cast<const std::int8_t*>(m.weights.get())[i]) * m.rowScales[row];
    } else {
      const std::size_t group = i / m.groupSize;
      const std::size_t within = i % m.groupSize;
      const std::size_t half = m.groupSize / 2;
      const auto byte = static_cast<unsigned>(m.weights.get()[group * half + within % half]);
      const int code = static_cast<int>(within < half ? byte & 15U : byte >> 4U);
      weights[i] = (code - m.zeroPoints[group]) * static_cast<double>(halfToFloat(m.scales[group]));
    }
  }
  return weights;
}

}  // namespace

class TestDecodeMatvec : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void productsMatchADoubleReference_data() {
    QTest::addColumn<int>("format");
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("cols");
    QTest::addColumn<int>("group");
    QTest::newRow("F32") << int(DecodeFormat::F32) << 70 << 203 << 0;
    QTest::newRow("F16") << int(DecodeFormat::F16) << 70 << 203 << 0;
    QTest::newRow("INT8") << int(DecodeFormat::Int8) << 70 << 205 << 0;
    QTest::newRow("INT4 in groups of 32") << int(DecodeFormat::Int4) << 33 << 192 << 32;
    QTest::newRow("INT4 in groups of 64") << int(DecodeFormat::Int4) << 9 << 192 << 64;
    QTest::newRow("INT4 in groups of 256") << int(DecodeFormat::Int4) << 9 << 512 << 256;
    QTest::newRow("INT4 in groups of 128") << int(DecodeFormat::Int4) << 33 << 384 << 128;
    QTest::newRow("INT4 with more groups than one chunk") << int(DecodeFormat::Int4) << 5 << 2144 << 32;
  }
  void productsMatchADoubleReference() {
    QFETCH(int, format);
    QFETCH(int, rows);
    QFETCH(int, cols);
    QFETCH(int, group);
    const auto r = static_cast<std::size_t>(rows);
    const auto c = static_cast<std::size_t>(cols);
    const std::vector<float> source = gaussian(r * c, 1);
    const DecodeMatrix m =
        makeDecodeMatrix(static_cast<DecodeFormat>(format), source, r, c, static_cast<std::size_t>(group));
    const DecodeInput input = makeDecodeInput(gaussian(c, 2));
    const std::vector<double> weights = weightsOf(m);
    const bool integer = m.format == DecodeFormat::Int8 || m.format == DecodeFormat::Int4;
    std::vector<float> fused;
    qs::test::onEveryTarget([&](std::int64_t target) {
      std::vector<float> y(r);
      decodeRows(m, input, 0, y);
      for (std::size_t o = 0; o < r; ++o) {
        double expected = 0;
        double magnitude = 0;
        for (std::size_t k = 0; k < c; ++k) {
          const double x = integer ? static_cast<double>(input.codes[k]) * input.scale : input.values[k];
          expected += weights[o * c + k] * x;
          magnitude += std::abs(weights[o * c + k] * x);
        }
        QVERIFY2(std::abs(y[o] - expected) <= 1e-5 * magnitude, hwy::TargetName(target));
      }
      if (!qs::test::hasMultiplyAdd(target)) return;
      if (fused.empty()) fused = y;
      QVERIFY2(std::memcmp(y.data(), fused.data(), r * sizeof(float)) == 0, hwy::TargetName(target));
    });
  }

  void int4ErrorIsThatOfFourBits() {
    const std::vector<float> source = gaussian(64 * 256, 3);
    const std::vector<double> weights = weightsOf(makeDecodeMatrix(DecodeFormat::Int4, source, 64, 256, 128));
    double error = 0;
    double reference = 0;
    for (std::size_t i = 0; i < source.size(); ++i) {
      error += std::pow(weights[i] - source[i], 2);
      reference += std::pow(source[i], 2);
    }
    QVERIFY(error / reference < 0.015);
  }

  void timingsAreMeasuredAndBounded() {
    const std::vector<DecodeShape> shapes{{.rows = 128, .cols = 128, .count = 2}};
    const std::vector<DecodeVariant> variants{{DecodeFormat::Int8, 0}, {DecodeFormat::Int4, 128}};
    std::vector<DecodeTiming> timings;
    inWorkerArena({.threads = 2}, [&] { timings = measureDecode(shapes, variants, 7, {.threads = 2}); });
    QCOMPARE(timings.size(), std::size_t{3});
    QCOMPARE(timings[0].format, DecodeFormat::F16);
    QCOMPARE(timings[0].bytesPerToken, 2.0 * 128 * 128 * 2);
    for (const DecodeTiming& timing : timings) {
      QVERIFY(timing.bestSeconds > 0 && timing.bestSeconds <= timing.medianSeconds);
      const double bytes = timings[0].bytesPerToken / timing.bytesPerToken;
      const double measured = timings[0].bestSeconds / timing.bestSeconds;
      QCOMPARE(timing.cappedAtBytes, measured > bytes);
      QCOMPARE(timing.speedup, timing.cappedAtBytes ? bytes : measured);
    }
  }

  void shapesThatNoGroupDividesAreRefused() {
    const std::vector<DecodeShape> shapes{{.rows = 8, .cols = 100}};
    const std::vector<DecodeVariant> variants{{DecodeFormat::Int4, 128}};
    QVERIFY_EXCEPTION_THROWN((void)measureDecode(shapes, variants, 7, {}), Error);
  }
};

QTEST_APPLESS_MAIN(TestDecodeMatvec)
#include "tst_decode_matvec.moc"
