#include <QtTest>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/kernels/code_counts.h"
#include "core/kernels/nibbles.h"
#include "core/kernels/uniform_grid.h"
#include "tests/support/random_matrix.h"
#include "tests/support/vector_targets.h"

using qs::Matrix;
using qs::test::onEveryTarget;

namespace {

// Awkward lengths: shorter than any vector, whole vectors, and tails.
constexpr std::array<std::size_t, 7> kLengths = {1, 3, 16, 31, 64, 100, 517};

}  // namespace

// Grids, codes and what they stand for, on every vector target.
class TestGridKernels : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void codesAndValuesAreThePlainOnesOnEveryTarget_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<bool>("realZero");
    for (const int bits : {2, 3, 4, 8}) {
      QTest::addRow("%d bits, asymmetric", bits) << bits << false << false;
      QTest::addRow("%d bits, symmetric", bits) << bits << true << false;
      QTest::addRow("%d bits, fractional zero point", bits) << bits << false << true;
    }
  }
  void codesAndValuesAreThePlainOnesOnEveryTarget() {
    QFETCH(int, bits);
    QFETCH(bool, symmetric);
    QFETCH(bool, realZero);
    const qs::QuantScheme scheme{.bits = bits, .symmetric = symmetric, .realZeroPoint = realZero};
    const qs::CodeLimits limits = qs::codeLimits(scheme);
    onEveryTarget([&](std::int64_t) {
      for (const std::size_t length : kLengths) {
        const Matrix values = qs::test::randomMatrix(1, length, length);
        const qs::UnitGrid grid = qs::findGrid(values.row(0), scheme);
        std::vector<std::uint8_t> codes(length);
        std::vector<float> back(length);
        qs::quantizeGroups(values.row(0), {length, &grid.scale, &grid.zero}, scheme, codes);
        qs::dequantizeRun(codes, grid, scheme, back);
        for (std::size_t i = 0; i < length; ++i) {
          const float code =
              realZero ? qs::codeOnRealZero(values(0, i), grid, limits) : qs::codeOf(values(0, i), grid, limits);
          QCOMPARE(codes[i], qs::storedCode(code));
          QCOMPARE(back[i], qs::valueOf(code, grid));
        }
      }
    });
  }

  void groupsAreRangedAndRoundedAsRunsOfTheirOwn() {
    const qs::QuantScheme scheme{.bits = 4};
    onEveryTarget([&](std::int64_t) {
      for (const std::size_t length : kLengths) {
        const std::size_t count = 70 * length + length / 2;  // more than are ranged together; the last may be shorter
        const Matrix values = qs::test::randomMatrix(1, count, length + 3);
        const std::size_t groups = (count + length - 1) / length;
        std::vector<qs::ValueRange> ranges(groups);
        qs::rangesOf(values.row(0), length, ranges);
        std::vector<float> scales;
        std::vector<float> zeros;
        for (const qs::ValueRange& range : ranges) {
          const qs::UnitGrid grid = qs::gridOfRange(range, scheme);
          scales.push_back(grid.scale);
          zeros.push_back(grid.zero);
        }
        std::vector<std::uint8_t> codes(count);
        std::vector<float> back(count);
        qs::quantizeGroups(values.row(0), {length, scales.data(), zeros.data()}, scheme, codes);
        qs::dequantizeGroups(codes, {length, scales.data(), zeros.data()}, scheme, back);
        for (std::size_t i = 0; i < count; ++i) {
          const auto group = values.row(0).subspan(i / length * length, std::min(length, count - i / length * length));
          const qs::UnitGrid grid = qs::findGrid(group, scheme);
          const float code = qs::codeOf(values(0, i), grid, qs::codeLimits(scheme));
          QCOMPARE(codes[i], qs::storedCode(code));
          QCOMPARE(back[i], qs::valueOf(code, grid));
        }
      }
    });
  }

  void codesAreCountedGroupByGroup() {
    onEveryTarget([&](std::int64_t) {
      for (const std::size_t length : kLengths) {
        std::vector<std::uint8_t> codes(3 * length + length / 2);
        for (std::size_t i = 0; i < codes.size(); ++i)
          codes[i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(i * i % 16) - 8);
        const std::size_t groups = (codes.size() + length - 1) / length;
        std::vector<std::uint32_t> expected(groups * qs::kCountedCodes);
        for (std::size_t i = 0; i < codes.size(); ++i) ++expected[i / length * qs::kCountedCodes + (codes[i] & 15U)];
        std::vector<std::uint32_t> counts(expected.size(), 7U);
        qs::countCodes(codes, length, counts);
        QCOMPARE(counts, expected);
      }
    });
  }

  void rangesAreThePlainOnesOnEveryTarget() {
    onEveryTarget([&](std::int64_t) {
      for (const std::size_t length : kLengths) {
        const Matrix values = qs::test::randomMatrix(1, length, length + 7);
        const auto [low, high] = std::minmax_element(values.values().begin(), values.values().end());
        QCOMPARE(qs::rangeOf(values.row(0)).low, *low);
        QCOMPARE(qs::rangeOf(values.row(0)).high, *high);
      }
    });
    QVERIFY(!std::signbit(qs::rangeOf(std::array{-0.0F, -0.0F}).high));
  }

  void gridsAreThePlainOnesOnEveryTarget_data() {
    QTest::addColumn<int>("scaleType");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<bool>("fullRange");
    QTest::addColumn<bool>("realZero");
    for (const qs::ScaleType type : {qs::ScaleType::F32, qs::ScaleType::F16, qs::ScaleType::BF16}) {
      const int bits = qs::bitsOf(type);
      const char* name = type == qs::ScaleType::BF16 ? "b" : "";
      QTest::addRow("%s%d, asymmetric", name, bits) << static_cast<int>(type) << false << false << false;
      QTest::addRow("%s%d, symmetric", name, bits) << static_cast<int>(type) << true << false << false;
      QTest::addRow("%s%d, full range", name, bits) << static_cast<int>(type) << true << true << false;
      QTest::addRow("%s%d, fractional zero point", name, bits) << static_cast<int>(type) << false << false << true;
    }
  }
  void gridsAreThePlainOnesOnEveryTarget() {
    QFETCH(int, scaleType);
    QFETCH(bool, symmetric);
    QFETCH(bool, fullRange);
    QFETCH(bool, realZero);
    const qs::QuantScheme scheme{.bits = 4,
                                 .symmetric = symmetric,
                                 .range = fullRange ? qs::SymmetricRange::Full : qs::SymmetricRange::Restricted,
                                 .scaleType = static_cast<qs::ScaleType>(scaleType),
                                 .realZeroPoint = realZero};
    constexpr float kLargest = std::numeric_limits<float>::max();
    std::vector<qs::ValueRange> ranges{{0.0F, 0.0F},   {1e-39F, 2e-39F},       {-1e-45F, 0.0F}, {-kLargest, kLargest},
                                       {0.0F, 3e38F},  {-3e38F, -2e38F},       {0.25F, 1.0F},   {-1.0F, -0.25F},
                                       {-6e-8F, 0.0F}, {-1e-37F, 1.76325e-37F}};
    const Matrix ends = qs::test::randomMatrix(2, 90, 5);
    for (std::size_t i = 0; i < ends.cols(); ++i)
      ranges.push_back({std::min(ends(0, i), ends(1, i)), std::max(ends(0, i), ends(1, i))});
    onEveryTarget([&](std::int64_t) {
      for (const std::size_t count : {std::size_t{1}, std::size_t{16}, ranges.size()}) {
        std::vector<qs::UnitGrid> grids(count);
        qs::gridsOfRanges(std::span(ranges).first(count), scheme, grids);
        for (std::size_t i = 0; i < count; ++i) {
          const qs::UnitGrid plain = qs::gridOfRange(ranges[i], scheme);
          QCOMPARE(grids[i].scale, plain.scale);
          QCOMPARE(grids[i].zero, plain.zero);
          QCOMPARE(std::signbit(grids[i].zero), std::signbit(plain.zero));
        }
      }
    });
  }

  void shrinkLossesAreTheSameBitsOnEveryTarget() {
    const qs::QuantScheme scheme{.bits = 3};
    const qs::CodeLimits limits = qs::codeLimits(scheme);
    onEveryTarget([&](std::int64_t) {
      for (const std::size_t length : kLengths) {
        const Matrix values = qs::test::randomMatrix(1, length, length + 1);
        const qs::UnitGrid grid = qs::findGrid(values.row(0), scheme);
        std::array<float, 16> lanes{};
        for (std::size_t i = 0; i < length; ++i) {
          const float v = values(0, i) * (1.0F / grid.scale);
          const float code = std::clamp(std::rint(v) + grid.zero, limits.low, limits.high);
          lanes[i % 16] += qs::shrinkLoss((code - grid.zero - v) * (grid.scale / 0.01F));
        }
        double expected = 0;
        for (const float lane : lanes) expected += static_cast<double>(lane);
        QVERIFY(qs::shrinkLossOn(values.row(0), grid, scheme, 0.01F) == expected);
      }
    });
  }

  void nibblesArePackedAndUnpackedOnEveryTarget() {
    onEveryTarget([&](std::int64_t) {
      for (const std::size_t length : kLengths) {
        std::vector<std::uint8_t> codes(length);
        for (std::size_t i = 0; i < length; ++i) codes[i] = static_cast<std::uint8_t>(i * 7 % 16 - 8);
        std::vector<std::uint8_t> packed((length + 1) / 2);
        qs::packNibbles(codes, packed);
        for (std::size_t i = 0; i < length; ++i) QCOMPARE(packed[i / 2] >> 4 * (i % 2) & 15, codes[i] & 15);
        std::vector<std::uint8_t> back(length);
        qs::unpackNibbles(packed, true, back);
        QVERIFY(back == codes);
        qs::unpackNibbles(packed, false, back);
        for (std::size_t i = 0; i < length; ++i) QCOMPARE(back[i], codes[i] & 15);
      }
    });
  }
};

QTEST_APPLESS_MAIN(TestGridKernels)
#include "tst_grid_kernels.moc"
