#include <QtTest>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/kernels/column_quantiles.h"
#include "core/kernels/convert.h"
#include "core/kernels/histogram_count.h"
#include "core/kernels/raw_bit_counts.h"
#include "core/kernels/row_statistics_simd.h"
#include "core/kernels/stats_simd.h"
#include "core/kernels/stored_rows.h"
#include "core/tensor/half.h"
#include "tests/support/random_matrix.h"
#include "tests/support/stored_bytes.h"
#include "tests/support/vector_targets.h"

using qs::Matrix;
using qs::test::onEveryTarget;

namespace {

qs::simd::PowerSums powerSums(std::span<const float> values) {
  qs::simd::PowerLanes lanes;
  qs::ValueSpan range;
  qs::simd::describeRow(qs::DType::F32, std::as_bytes(std::span(values)).data(), values.size(), values.size(), &range,
                        lanes);
  return lanes.total();
}

qs::simd::PairSums pairSums(std::span<const float> reference, std::span<const float> approximation) {
  qs::simd::PairLanes lanes;
  qs::simd::comparePairs(reference.data(), approximation.data(), reference.size(), reference.size(), lanes);
  return lanes.total();
}

// Awkward lengths: shorter than any vector, whole vectors, and tails.
constexpr std::array<std::size_t, 7> kLengths = {1, 3, 16, 31, 64, 100, 517};

}  // namespace

// Sums, ranges, histograms and quartiles, on every vector target.
class TestStatisticsKernels : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void sumsAgreeWithPlainSums() {
    constexpr double kTolerance = 1e-13;  // F64 sums in another order
    constexpr double kSingle = 1e-6;      // powers are F32 within 512 values
    onEveryTarget([&](std::int64_t) {
      for (const std::size_t length : kLengths) {
        const Matrix x = qs::test::randomMatrix(1, length, 11);
        const Matrix y = qs::test::randomMatrix(1, length, 12);
        double cubes = 0;
        double cubeMagnitudes = 0;
        double products = 0;
        double productMagnitudes = 0;
        double errors = 0;
        double largest = 0;
        for (std::size_t i = 0; i < length; ++i) {
          const double a = static_cast<double>(x(0, i));
          const double b = static_cast<double>(y(0, i));
          cubes += a * a * a;
          cubeMagnitudes += std::abs(a * a * a);
          products += a * b;
          productMagnitudes += std::abs(a * b);
          errors += (b - a) * (b - a);
          largest = std::max(largest, std::abs(b - a));
        }
        const qs::simd::PowerSums powers = powerSums(x.row(0));
        const qs::simd::PairSums pairs = pairSums(x.row(0), y.row(0));
        QVERIFY(std::abs(powers.third - cubes) <= kSingle * cubeMagnitudes);
        QVERIFY(std::abs(pairs.product - products) <= kTolerance * productMagnitudes);
        QVERIFY(std::abs(pairs.squaredError - errors) <= kTolerance * errors);
        QCOMPARE(pairs.maxAbsError, largest);
      }
    });
  }

  void sumsAreTheSameBitsOnEveryTarget() {
    const Matrix x = qs::test::randomMatrix(1, 1001, 21);
    const Matrix y = qs::test::randomMatrix(1, 1001, 22);
    std::vector<double> first;
    onEveryTarget([&](std::int64_t) {
      const qs::simd::PowerSums powers = powerSums(x.row(0));
      const qs::simd::PairSums pairs = pairSums(x.row(0), y.row(0));
      const std::vector<double> sums = {powers.first,    powers.second, powers.third,       powers.fourth,
                                        pairs.reference, pairs.product, pairs.squaredError, pairs.absError};
      if (first.empty()) first = sums;
      QVERIFY(sums == first);
    });
  }

  // Fourth powers of these are beyond F32, or vanish in it.
  void powersOfAnyMagnitudeAreSummed() {
    onEveryTarget([&](std::int64_t) {
      for (const float magnitude : {1e-15F, 1e-9F, 1e-8F, 1e8F, 1e9F, 1e15F}) {
        Matrix x = qs::test::randomMatrix(1, 300, 25);
        double squares = 0;
        double fourths = 0;
        for (float& value : x.values()) {
          value = magnitude * (1 + std::abs(value));
          const auto wide = static_cast<double>(value);
          squares += wide * wide;
          fourths += wide * wide * wide * wide;
        }
        const qs::simd::PowerSums powers = powerSums(x.row(0));
        QVERIFY(std::abs(powers.second - squares) <= 1e-6 * squares);
        QVERIFY(std::abs(powers.fourth - fourths) <= 1e-6 * fourths);
      }
    });
  }

  void groupsOfPairsAreTheirSquaredErrors() {
    const Matrix x = qs::test::randomMatrix(1, 203, 23);
    const Matrix y = qs::test::randomMatrix(1, 203, 24);
    onEveryTarget([&](std::int64_t) {
      qs::simd::PairLanes lanes;
      std::array<double, 4> groups{};
      qs::simd::comparePairs(x.row(0).data(), y.row(0).data(), 203, 64, lanes, groups.data());
      double sum = 0;
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const std::size_t length = std::min<std::size_t>(64, 203 - g * 64);
        const double alone = pairSums(x.row(0).subspan(g * 64, length), y.row(0).subspan(g * 64, length)).squaredError;
        QVERIFY(std::abs(groups[g] - alone) <= 1e-14 * alone);
        sum += alone;
      }
      QVERIFY(std::abs(lanes.total().squaredError - sum) <= 1e-14 * sum);
    });
  }

  // Squares of these would be beyond F32, or vanish in it; the middle of the pairs is zero.
  void pairsOfAnyMagnitudeAreCompared() {
    onEveryTarget([&](std::int64_t) {
      for (const float magnitude : {1e-30F, 1e-20F, 1e-10F, 1e10F, 1e18F, 1e30F}) {
        Matrix x = qs::test::randomMatrix(1, 1300, 26);
        Matrix y(1, 1300);
        double squares = 0;
        double errors = 0;
        for (std::size_t i = 0; i < 1300; ++i) {
          x(0, i) *= i >= 300 && i < 900 ? 0.0F : magnitude;
          y(0, i) = x(0, i) * 0.75F;
          squares += static_cast<double>(x(0, i)) * x(0, i);
          errors += (static_cast<double>(y(0, i)) - x(0, i)) * (static_cast<double>(y(0, i)) - x(0, i));
        }
        const qs::simd::PairSums pairs = pairSums(x.row(0), y.row(0));
        QVERIFY(std::abs(pairs.reference - squares) <= 1e-13 * squares);
        QVERIFY(std::abs(pairs.squaredError - errors) <= 1e-13 * errors);
      }
    });
  }

  void columnsOfPairsAddUpTheirSquaredErrors() {
    const Matrix x = qs::test::randomMatrix(3, 203, 27);
    const Matrix y = qs::test::randomMatrix(3, 203, 28);
    std::vector<float> expected(203);
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t c = 0; c < 203; ++c) expected[c] += (y(r, c) - x(r, c)) * (y(r, c) - x(r, c));
    onEveryTarget([&](std::int64_t) {
      qs::simd::PairLanes lanes;
      std::vector<float> found(203);
      for (std::size_t r = 0; r < 3; ++r)
        qs::simd::comparePairs(x.row(r).data(), y.row(r).data(), 203, 64, lanes, nullptr, found.data());
      QVERIFY(found == expected);
    });
  }

  void rowsAreDescribedAlikeOnEveryTargetAndInEveryStoredType_data() {
    QTest::addColumn<int>("cols");
    QTest::addColumn<int>("length");
    QTest::addRow("groups of 64") << 203 << 64;
    QTest::addRow("groups of 128, several at once") << 1200 << 128;
    QTest::addRow("groups of more than 512") << 1700 << 700;
    QTest::addRow("a group a row") << 1100 << 1100;
  }
  void rowsAreDescribedAlikeOnEveryTargetAndInEveryStoredType() {
    QFETCH(int, cols);
    QFETCH(int, length);
    const auto width = static_cast<std::size_t>(cols);
    const auto groupLength = static_cast<std::size_t>(length);
    const std::size_t perRow = (width + groupLength - 1) / groupLength;
    Matrix values = qs::test::randomMatrix(5, width, 31);
    for (float& value : values.values()) value = qs::bfloat16ToFloat(qs::floatToBfloat16(value));
    std::vector<std::uint16_t> halves(values.values().size());
    qs::narrowToBfloat16(values.values(), halves);
    std::vector<double> first;
    onEveryTarget([&](std::int64_t) {
      for (const qs::DType type : {qs::DType::F32, qs::DType::BF16}) {
        const auto bytes =
            type == qs::DType::F32 ? std::as_bytes(values.values()) : std::as_bytes(std::span(std::as_const(halves)));
        std::vector<qs::ValueSpan> groups(5 * perRow);
        const qs::RowStatistics found = qs::describeRows({type, bytes.data(), 5, width}, true, groupLength, groups);
        const std::vector<double> sums = {found.sums.first, found.sums.second, found.sums.third, found.sums.fourth};
        if (first.empty()) first = sums;
        QVERIFY(sums == first);
        for (std::size_t r = 0; r < 5; ++r)
          for (std::size_t g = 0; g < perRow; ++g) {
            const auto part = values.row(r).subspan(g * groupLength, std::min(groupLength, width - g * groupLength));
            const auto [low, high] = std::minmax_element(part.begin(), part.end());
            QCOMPARE(groups[r * perRow + g].low, *low);
            QCOMPARE(groups[r * perRow + g].high, *high);
          }
        for (std::size_t c = 0; c < width; ++c) {
          float low = values(0, c);
          float high = low;
          for (std::size_t r = 1; r < 5; ++r) {
            low = std::min(low, values(r, c));
            high = std::max(high, values(r, c));
          }
          QCOMPARE(found.columnLow[c], low);
          QCOMPARE(found.columnHigh[c], high);
        }
      }
    });
  }

  // Some blocks whose fourth powers are beyond F32 or vanish in it, among others.
  void blocksOfAnyMagnitudeAreDescribed() {
    Matrix x = qs::test::randomMatrix(1, 1300, 33);
    for (std::size_t i = 0; i < 1300; ++i) {
      constexpr std::array<float, 11> kMagnitudes = {1, 1e-15F, 1, 1, 1, 1, 1e12F, 0, 1e-9F, 1, 1e9F};
      x(0, i) *= kMagnitudes[i / 128];
    }
    double squares = 0;
    double fourths = 0;
    for (const float value : x.values()) {
      squares += std::pow(static_cast<double>(value), 2);
      fourths += std::pow(static_cast<double>(value), 4);
    }
    std::vector<double> first;
    onEveryTarget([&](std::int64_t) {
      qs::simd::PowerLanes lanes;
      std::array<qs::ValueSpan, 11> ranges;
      qs::simd::describeRow(qs::DType::F32, std::as_bytes(x.values()).data(), 1300, 128, ranges.data(), lanes);
      for (std::size_t g = 0; g < ranges.size(); ++g) {
        const auto part = x.row(0).subspan(g * 128, std::min<std::size_t>(128, 1300 - g * 128));
        const auto [low, high] = std::ranges::minmax(part);
        QCOMPARE(ranges[g].low, low);
        QCOMPARE(ranges[g].high, high);
      }
      const qs::simd::PowerSums powers = lanes.total();
      QVERIFY(std::abs(powers.second - squares) <= 1e-6 * squares);
      QVERIFY(std::abs(powers.fourth - fourths) <= 1e-6 * fourths);
      const std::vector<double> sums = {powers.first, powers.second, powers.third, powers.fourth};
      if (first.empty()) first = sums;
      QVERIFY(sums == first);
    });
  }

  void rawBitsGiveTheHistogramOfTheValues() {
    Matrix values = qs::test::randomMatrix(150, 1111, 5);
    for (std::size_t i = 70 * 1111; i < values.values().size(); ++i)  // the rest is sparse
      if (i % 16 != 0) values.values()[i] = 0.0F;
    std::vector<std::uint16_t> halves(values.values().size());
    qs::narrowToHalf(values.values(), halves);
    qs::widenToFloat(qs::DType::F16, std::as_bytes(std::span(std::as_const(halves))), values.values());
    std::vector<std::uint64_t> expected(64);
    qs::countValues(values.values(), -0.1, 0.1, expected);
    qs::RawBitCounts counts;
    const auto bytes = std::as_bytes(std::span(std::as_const(halves)));
    counts.add(bytes.first(2002));
    qs::RawBitCounts rest;
    rest.add(bytes.subspan(2002));
    counts.merge(rest);
    std::vector<std::uint64_t> found(64);
    counts.addTo(qs::DType::F16, -0.1, 0.1, found);
    QVERIFY(found == expected);
  }

  // Up to 256 bins by pairs of values, more by one value after the other.
  void binsAreCountedInParts() {
    const Matrix values = qs::test::randomMatrix(9, 3333, 5);
    for (const std::size_t bins : {1UL, 7UL, 255UL, 256UL, 257UL, 5000UL}) {
      std::vector<std::uint64_t> expected(bins);
      for (const float value : values.values()) ++expected[qs::binOf(value, -0.1, 0.1, bins)];
      onEveryTarget([&](std::int64_t) {
        qs::BinCounts counts(-0.1, 0.1, bins);
        std::size_t first = 0;
        for (const std::size_t count : {0UL, 1UL, 2UL, 9001UL, 333UL, 20'660UL}) {
          counts.add(values.values().subspan(first, count));
          first += count;
        }
        QCOMPARE(first, values.values().size());
        std::vector<std::uint64_t> found(bins);
        counts.addTo(found);
        QVERIFY(found == expected);
      });
    }
  }

  void histogramsCountEveryValueOnce() {
    const Matrix values = qs::test::randomMatrix(3, 1111, 4);
    std::vector<std::uint64_t> expected(64);
    for (const float value : values.values()) ++expected[qs::binOf(value, -0.1, 0.1, 64)];
    onEveryTarget([&](std::int64_t) {
      std::vector<std::uint64_t> counts(64);
      qs::countValues(values.values(), -0.1, 0.1, counts);
      QVERIFY(counts == expected);
      const std::vector<std::uint32_t> twice(values.values().size(), 2U);
      qs::countValues(values.values(), twice, -0.1, 0.1, counts);
      for (std::size_t i = 0; i < counts.size(); ++i) QCOMPARE(counts[i], 3 * expected[i]);
    });
    QCOMPARE(qs::binOf(-5.0F, -0.1, 0.1, 64), std::size_t{0});
    QCOMPARE(qs::binOf(5.0F, -0.1, 0.1, 64), std::size_t{63});
    QCOMPARE(qs::binOf(0.0F, -1.0, 1.0, 4), std::size_t{2});
  }

  void quartilesAreThoseOfTheSortedColumn_data() {
    QTest::addColumn<int>("type");
    QTest::addRow("F32") << static_cast<int>(qs::DType::F32);
    QTest::addRow("F16") << static_cast<int>(qs::DType::F16);
    QTest::addRow("BF16") << static_cast<int>(qs::DType::BF16);
  }
  void quartilesAreThoseOfTheSortedColumn() {
    QFETCH(const int, type);
    const auto dtype = static_cast<qs::DType>(type);
    for (const std::size_t rows : {std::size_t{1}, std::size_t{5}, std::size_t{64}, std::size_t{77}}) {
      Matrix matrix = qs::test::randomMatrix(rows, 37, rows);
      const std::vector<std::byte> bytes = qs::test::storedBytes(matrix, dtype);
      const qs::StoredRows stored{dtype, bytes.data() + 1, rows, 37};
      qs::widenToFloat(dtype, stored.contents(), matrix.values());
      std::vector<float> lower(37);
      std::vector<float> median(37);
      std::vector<float> upper(37);
      onEveryTarget([&](std::int64_t) {
        qs::columnQuartiles(stored, 1, 0, 37, {lower, median, upper});
        for (std::size_t c = 0; c < 37; ++c) {
          std::vector<float> column;
          for (std::size_t r = 0; r < rows; ++r) column.push_back(matrix(r, c));
          std::sort(column.begin(), column.end());
          const double middle = 0.5 * static_cast<double>(rows - 1);
          const float low = column[static_cast<std::size_t>(std::floor(middle))];
          const float high = column[static_cast<std::size_t>(std::ceil(middle))];
          QCOMPARE(median[c], low + (high - low) * static_cast<float>(middle - std::floor(middle)));
          QVERIFY(lower[c] <= median[c] && median[c] <= upper[c]);
        }
      });
    }
  }
};

QTEST_APPLESS_MAIN(TestStatisticsKernels)
#include "tst_statistics_kernels.moc"
