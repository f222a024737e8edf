#include <QtTest>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <utility>

#include "core/kernels/finite.h"
#include "core/kernels/value_digest.h"
#include "tests/support/random_matrix.h"
#include "tests/support/vector_targets.h"

using qs::Matrix;
using qs::test::onEveryTarget;

namespace {

// Awkward lengths: shorter than any vector, whole vectors, and tails.
constexpr std::array<std::size_t, 7> kLengths = {1, 3, 16, 31, 64, 100, 517};

}  // namespace

class TestVectorKernels : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void everyTargetOfTheMachineIsTried() {
    std::set<std::int64_t> tried;
    onEveryTarget([&](std::int64_t target) { QVERIFY(tried.insert(target).second); });
    QVERIFY(!tried.empty());
#if defined(__x86_64__)
    QCOMPARE(tried.contains(HWY_AVX2), __builtin_cpu_supports("avx2") != 0);
    QCOMPARE(tried.contains(HWY_AVX3), __builtin_cpu_supports("avx512bw") != 0);
    QVERIFY(*tried.rbegin() >= HWY_SSE4);  // the baseline; worse targets are larger numbers
#endif
  }

  void digestsDependOnValuesAndOrderOnly() {
    for (const std::size_t length : kLengths) {
      const Matrix values = qs::test::randomMatrix(1, length, 41);
      const auto digestOf = [](std::span<const float> row, std::size_t cut) {
        qs::ValueDigest digest;
        digest.add(row.first(cut));
        digest.add(row.subspan(cut));
        return digest.value();
      };
      const std::uint64_t expected = digestOf(values.row(0), 0);
      onEveryTarget([&](std::int64_t) {
        for (const std::size_t cut : {std::size_t{0}, length / 3, length - 1, length})
          QCOMPARE(digestOf(values.row(0), cut), expected);
      });
      Matrix other = values;
      for (std::size_t i = 0; i < length; ++i) {
        other(0, i) = std::nextafter(values(0, i), 9.0F);
        QVERIFY(digestOf(other.row(0), 0) != expected);
        other(0, i) = values(0, i);
      }
      if (length > 1) std::swap(other(0, 0), other(0, length - 1));
      QCOMPARE(digestOf(other.row(0), 0) != expected, length > 1);
      Matrix longer(1, length + 1);
      std::copy(values.values().begin(), values.values().end(), longer.values().begin());
      QVERIFY(digestOf(longer.row(0), 0) != expected);
    }
    const std::array zero{0.0F};
    const std::array minusZero{-0.0F};
    qs::ValueDigest a;
    qs::ValueDigest b;
    a.add(zero);
    b.add(minusZero);
    QCOMPARE(a.value(), b.value());
  }

  void nonFiniteValuesAreFoundWhereverTheyStand() {
    onEveryTarget([&](std::int64_t) {
      for (const std::size_t length : kLengths) {
        Matrix values = qs::test::randomMatrix(1, length, 9);
        QVERIFY(!qs::findNonFinite(values.row(0)).has_value());
        for (const std::size_t at : {std::size_t{0}, length / 2, length - 1}) {
          Matrix bad = values;
          bad(0, at) = at % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : -std::numeric_limits<float>::infinity();
          QVERIFY(qs::findNonFinite(bad.row(0)) == at);
        }
      }
      const std::array huge = {std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()};
      QVERIFY(!qs::findNonFinite(huge).has_value());
    });
  }
};

QTEST_APPLESS_MAIN(TestVectorKernels)
#include "tst_vector_kernels.moc"
