#include <QtTest>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/base/parallel.h"
#include "core/kernels/clip_search.h"
#include "core/kernels/gram.h"
#include "core/kernels/matmul.h"
#include "core/kernels/product_simd.h"
#include "core/kernels/round_pack.h"
#include "core/kernels/triangular.h"
#include "core/kernels/triangular_simd.h"
#include "tests/support/random_matrix.h"
#include "tests/support/vector_targets.h"

using qs::Matrix;
using qs::test::hasMultiplyAdd;
using qs::test::onEveryTarget;

namespace {

// An F32 sum of k products is within k roundings of the exact one.
double bound(std::size_t depth, double magnitude) { return static_cast<double>(depth) * 0x1.0p-23 * magnitude; }

struct Exact {
  double value = 0;
  double magnitude = 0;
};

Exact exactProduct(const Matrix& a, std::size_t i, const Matrix& b, std::size_t j) {
  Exact sum;
  for (std::size_t k = 0; k < a.cols(); ++k) {
    const double product = static_cast<double>(a(i, k)) * static_cast<double>(b(j, k));
    sum.value += product;
    sum.magnitude += std::abs(product);
  }
  return sum;
}

Matrix turned(const Matrix& matrix) {
  Matrix result(matrix.cols(), matrix.rows());
  for (std::size_t r = 0; r < matrix.rows(); ++r)
    for (std::size_t c = 0; c < matrix.cols(); ++c) result(c, r) = matrix(r, c);
  return result;
}

bool sameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows(), b.rows());
  qs::multiplyTransposed({a.values().data(), a.rows(), a.cols(), a.cols()},
                         {b.values().data(), b.rows(), b.cols(), b.cols()},
                         {c.values().data(), c.rows(), c.cols(), c.cols()});
  return c;
}

}  // namespace

class TestProducts : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void productsAreThoseOfPlainSums_data() {
    QTest::addColumn<int>("m");
    QTest::addColumn<int>("n");
    QTest::addColumn<int>("k");
    QTest::addRow("a single output") << 1 << 1 << 1;
    QTest::addRow("one row") << 1 << 37 << 300;
    QTest::addRow("edges in every direction") << 29 << 71 << 259;
    QTest::addRow("whole blocks") << 24 << 64 << 256;
    QTest::addRow("more rows than a block of the cache") << 500 << 3 << 9;
  }
  void productsAreThoseOfPlainSums() {
    QFETCH(int, m);
    QFETCH(int, n);
    QFETCH(int, k);
    const Matrix a = qs::test::randomMatrix(static_cast<std::size_t>(m), static_cast<std::size_t>(k), 1);
    const Matrix b = qs::test::randomMatrix(static_cast<std::size_t>(n), static_cast<std::size_t>(k), 2);
    Matrix fused;
    onEveryTarget([&](std::int64_t target) {
      const Matrix c = product(a, b);
      for (std::size_t i = 0; i < a.rows(); ++i)
        for (std::size_t j = 0; j < b.rows(); ++j) {
          const Exact exact = exactProduct(a, i, b, j);
          QVERIFY(std::abs(static_cast<double>(c(i, j)) - exact.value) <= bound(a.cols(), exact.magnitude));
        }
      if (!hasMultiplyAdd(target)) return;
      if (fused.rows() == 0) fused = c;
      QVERIFY(sameBits(c.values(), fused.values()));
    });
  }

  void everyOutputIsOneChainWhateverTheTile() {
    const Matrix a = qs::test::randomMatrix(40, 700, 3);
    const Matrix b = qs::test::randomMatrix(50, 700, 4);
    const Matrix whole = product(a, b);
    const Matrix right = turned(b);
    Matrix parts(40, 50);
    for (std::size_t row = 0; row < 40; row += 13)
      for (std::size_t col = 0; col < 50; col += 17) {
        const std::size_t height = std::min<std::size_t>(13, 40 - row);
        const std::size_t width = std::min<std::size_t>(17, 50 - col);
        qs::multiply({a.row(row).data(), height, 700, 700}, {right.values().data() + col, 700, width, 50},
                     {&parts(row, col), height, width, 50});
      }
    QVERIFY(sameBits(parts.values(), whole.values()));
  }

  void addingAndSubtractingContinueTheChain() {
    const Matrix a = qs::test::randomMatrix(7, 90, 5);
    const Matrix b = qs::test::randomMatrix(11, 90, 6);
    const qs::simd::Factor<float> left{a.values().data(), 7, 90, 1};
    const qs::simd::Factor<float> right{b.values().data(), 11, 90, 1};
    const Matrix whole = product(a, b);
    Matrix c(7, 11);
    qs::simd::product({left.data, 7, 90, 1}, {right.data, 11, 90, 1}, 40, c.values().data(), 11,
                      qs::simd::Into::Replace, false);
    qs::simd::product({left.data + 40, 7, 90, 1}, {right.data + 40, 11, 90, 1}, 50, c.values().data(), 11,
                      qs::simd::Into::Add, false);
    QVERIFY(sameBits(c.values(), whole.values()));
    qs::simd::product(left, right, 90, c.values().data(), 11, qs::simd::Into::Subtract, false);
    for (std::size_t i = 0; i < 7; ++i)
      for (std::size_t j = 0; j < 11; ++j)
        QVERIFY(std::abs(static_cast<double>(c(i, j))) <= bound(180, exactProduct(a, i, b, j).magnitude));
  }

  void laidOutFactorsGiveTheSame_data() {
    QTest::addColumn<int>("first");
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("cols");
    QTest::addRow("whole strips") << 0 << 72 << 64;
    QTest::addRow("rows that begin within a strip") << 5 << 60 << 64;
    QTest::addRow("a few rows of one strip") << 14 << 3 << 32;
    QTest::addRow("columns that end within a strip") << 3 << 69 << 45;
  }
  void laidOutFactorsGiveTheSame() {
    QFETCH(int, first);
    QFETCH(int, rows);
    QFETCH(int, cols);
    constexpr std::size_t kDepth = 300;
    const auto m = static_cast<std::size_t>(rows);
    const auto n = static_cast<std::size_t>(cols);
    const auto begin = static_cast<std::size_t>(first);
    const Matrix a = qs::test::randomMatrix(72, kDepth, 41);
    const Matrix b = qs::test::randomMatrix(n, kDepth, 42);
    const Matrix start = qs::test::randomMatrix(m, n, 43);
    onEveryTarget([&](std::int64_t) {
      Matrix expected = start;
      qs::simd::product({a.row(begin).data(), m, kDepth, 1}, {b.values().data(), n, kDepth, 1}, kDepth,
                        expected.values().data(), n, qs::simd::Into::Add, false);
      qs::simd::StripRoom<float> left(qs::simd::stripValues(72, qs::simd::leftWidth(), kDepth));
      qs::simd::StripRoom<float> right(qs::simd::stripValues(n, qs::simd::rightWidth<float>(), kDepth));
      qs::simd::packLeft({a.values().data(), 72, kDepth, 1}, kDepth, false, left.data());
      qs::simd::packRight({b.values().data(), n, kDepth, 1}, kDepth, right.data());
      Matrix c = start;
      qs::simd::product({left.data(), qs::simd::leftWidth() * kDepth, begin, m},
                        {right.data(), qs::simd::rightWidth<float>() * kDepth, 0, n}, kDepth,
                        qs::simd::Output<float>{c.values().data(), n}, qs::simd::Into::Add, false);
      QVERIFY(sameBits(c.values(), expected.values()));
    });
  }

  void outputsInStripsAndUpperPartsAreThoseOfRows() {
    constexpr std::size_t kSize = 100;
    constexpr std::size_t kDepth = 70;
    const Matrix rows = qs::test::randomMatrix(kSize, kDepth, 44);
    const Matrix minus = product(rows, rows);
    onEveryTarget([&](std::int64_t) {
      const std::size_t width = qs::simd::rightWidth<float>();
      qs::simd::StripRoom<float> left(qs::simd::stripValues(kSize, qs::simd::leftWidth(), kDepth));
      qs::simd::StripRoom<float> right(qs::simd::stripValues(kSize, width, kDepth));
      qs::simd::packLeft({rows.values().data(), kSize, kDepth, 1}, kDepth, true, left.data());
      qs::simd::packRight({rows.values().data(), kSize, kDepth, 1}, kDepth, right.data());
      std::vector<float> strips(qs::simd::stripValues(kSize, width, kSize), 0.0F);
      for (const bool upperOnly : {false, true}) {
        std::ranges::fill(strips, 1.0F);
        qs::simd::product(
            {left.data(), qs::simd::leftWidth() * kDepth, 0, kSize}, {right.data(), width * kDepth, 0, kSize}, kDepth,
            qs::simd::Output<float>{strips.data(), width, width * kSize}, qs::simd::Into::Replace, upperOnly);
        for (std::size_t i = 0; i < kSize; ++i)
          for (std::size_t j = upperOnly ? i : 0; j < kSize; ++j) {
            const float got = strips[j / width * width * kSize + i * width + j % width];
            const double magnitude = exactProduct(rows, i, rows, j).magnitude;
            QVERIFY(std::abs(static_cast<double>(got) + static_cast<double>(minus(i, j))) <=
                    bound(2 * kDepth, magnitude));
          }
      }
    });
  }

  void solutionsGiveTheRightSideBack_data() {
    QTest::addColumn<int>("size");
    for (const int size : {1, 7, 32}) QTest::addRow("%d columns", size) << size;
  }
  void solutionsGiveTheRightSideBack() {
    QFETCH(int, size);
    constexpr std::size_t kRows = 70;
    constexpr std::size_t kStride = 40;
    const auto n = static_cast<std::size_t>(size);
    const Matrix random = qs::test::randomMatrix(n + kRows, kStride, 45);
    std::vector<double> r(n * kStride);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i; j < n; ++j) r[i * kStride + j] = static_cast<double>(random(i, j)) + (i == j ? 8.0 : 0.0);
    std::vector<double> rightSide(kRows * kStride);
    for (std::size_t i = 0; i < kRows; ++i)
      for (std::size_t j = 0; j < kStride; ++j) rightSide[i * kStride + j] = static_cast<double>(random(n + i, j));
    std::vector<double> fused;
    onEveryTarget([&](std::int64_t target) {
      std::vector<double> x = rightSide;
      qs::simd::solveRightSmall(r.data(), kStride, n, x.data(), kRows, kStride);
      for (std::size_t i = 0; i < kRows; ++i)
        for (std::size_t j = 0; j < kStride; ++j) {
          double sum = j < n ? 0.0 : x[i * kStride + j];  // what stands beside stays
          for (std::size_t k = j; k < n; ++k) sum += x[i * kStride + k] * r[j * kStride + k];
          QVERIFY(std::abs(sum - rightSide[i * kStride + j]) <= 1e-14 * 8.0);
        }
      if (!hasMultiplyAdd(target)) return;
      if (fused.empty()) fused = x;
      QVERIFY(x == fused);
    });
  }

  void gramMatricesDontDependOnTheThreadCount() {
    const Matrix rows = qs::test::randomMatrix(130, 600, 7);
    std::vector<double> first;
    for (const int threads : {1, 2, 8}) {
      std::vector<double> gram(600 * 600, 0.0);
      const qs::RunContext context{.threads = threads};
      qs::inWorkerArena(context, [&] { qs::addGramUpper(rows.view(), gram, context); });
      if (first.empty()) first = gram;
      QVERIFY(gram == first);
    }
    const Matrix columns = turned(rows);
    for (const auto& [i, j] : {std::pair<std::size_t, std::size_t>{0, 0}, {3, 599}, {511, 512}}) {
      const Exact exact = exactProduct(columns, i, columns, j);
      QVERIFY(std::abs(first[i * 600 + j] - exact.value) <= bound(130, exact.magnitude));
    }
  }

  void productsOfRowsAreTheirColumnsDotProducts() {
    constexpr std::size_t kTokens = 1100;  // a block and a piece
    const Matrix a = qs::test::randomMatrix(kTokens, 520, 21);
    const Matrix b = qs::test::randomMatrix(kTokens, 520, 22);
    std::vector<double> sum(520 * 520, 1.0);
    qs::addProducts(a.view(), b.view(), sum, {.threads = 2});
    const Matrix left = turned(a);
    const Matrix right = turned(b);
    for (const auto& [i, j] : {std::pair<std::size_t, std::size_t>{0, 0}, {3, 519}, {519, 3}, {511, 512}, {515, 7}}) {
      const Exact exact = exactProduct(left, i, right, j);
      QVERIFY(std::abs(sum[i * 520 + j] - 1.0 - exact.value) <= bound(kTokens, exact.magnitude));
    }
  }

  void factorsGiveTheMatrixBackOnEveryTarget() {
    constexpr std::size_t kSize = 300;
    const Matrix rows = qs::test::randomMatrix(kSize + 20, kSize, 8);
    std::vector<double> square(kSize * kSize, 0.0);
    qs::addGramUpper(rows.view(), square, {});
    for (std::size_t i = 0; i < kSize; ++i) square[i * kSize + i] += 0.01;
    std::vector<double> fused;
    onEveryTarget([&](std::int64_t target) {
      std::vector<double> factor = square;
      QVERIFY(qs::factorUpper(factor, kSize, {}));
      for (const auto& [i, j] : {std::pair<std::size_t, std::size_t>{0, 0}, {0, 299}, {17, 120}, {260, 280}}) {
        double sum = 0;
        for (std::size_t k = j; k < kSize; ++k) sum += factor[i * kSize + k] * factor[j * kSize + k];
        QVERIFY(std::abs(sum - square[i * kSize + j]) <= 1e-10 * square[i * kSize + i]);
      }
      for (std::size_t i = 0; i < kSize; ++i)  // what is below the diagonal means nothing
        std::fill_n(factor.begin() + static_cast<std::ptrdiff_t>(i * kSize), i, 0.0);
      if (!hasMultiplyAdd(target)) return;
      if (fused.empty()) fused = factor;
      QVERIFY(factor == fused);
    });
  }

  void factorsSolveEquations() {
    constexpr std::size_t kSize = 600;  // three tiles, the last one smaller
    constexpr std::size_t kWidth = 5;
    const Matrix rows = qs::test::randomMatrix(kSize + 20, kSize, 9);
    std::vector<double> square(kSize * kSize, 0.0);
    qs::addGramUpper(rows.view(), square, {});
    qs::mirrorUpper(square, kSize, {});
    for (std::size_t i = 0; i < kSize; ++i) square[i * kSize + i] += 1.0;
    std::vector<double> factor = square;
    QVERIFY(qs::factorUpper(factor, kSize, {}));
    // H times a row of a matrix [kSize, width], summed plainly.
    const auto applied = [&](std::span<const double> x, std::size_t width, std::size_t i, std::size_t c) {
      double sum = 0;
      for (std::size_t k = 0; k < kSize; ++k) sum += square[i * kSize + k] * x[k * width + c];
      return sum;
    };
    const Matrix given = qs::test::randomMatrix(kSize, kWidth, 10);
    std::vector<double> solved(given.values().begin(), given.values().end());
    qs::solveColumns(factor, kSize, solved, kWidth, {});
    for (std::size_t i = 0; i < kSize; ++i)
      for (std::size_t c = 0; c < kWidth; ++c)
        QVERIFY(std::abs(applied(solved, kWidth, i, c) - static_cast<double>(given(i, c))) <= 1e-9);
    std::vector<double> inverse(kSize * kSize);
    qs::invertFromFactor(factor, kSize, inverse, {.threads = 2});
    for (const std::size_t i : {0, 255, 256, 511, 512, 599})
      for (std::size_t c = 0; c < kSize; ++c)
        QVERIFY(std::abs(applied(inverse, kSize, i, c) - (i == c ? 1.0 : 0.0)) <= 1e-9);
  }

  void packedRoundingIsThePlainOneOnEveryTarget_data() {
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<int>("scaleType");
    QTest::addRow("asymmetric, F32 scales") << false << static_cast<int>(qs::ScaleType::F32);
    QTest::addRow("asymmetric, F16 scales") << false << static_cast<int>(qs::ScaleType::F16);
    QTest::addRow("symmetric, F32 scales") << true << static_cast<int>(qs::ScaleType::F32);
  }
  void packedRoundingIsThePlainOneOnEveryTarget() {
    QFETCH(bool, symmetric);
    QFETCH(int, scaleType);
    constexpr std::size_t kCols = 64 * 70;
    for (const std::size_t length : {std::size_t{32}, std::size_t{64}, std::size_t{128}}) {
      const qs::QuantScheme scheme{
          .bits = 4, .symmetric = symmetric, .scaleType = static_cast<qs::ScaleType>(scaleType)};
      const Matrix row = qs::test::randomMatrix(1, kCols, length);
      onEveryTarget([&](std::int64_t) {
        std::vector<std::uint8_t> packed(kCols / 2);
        std::vector<qs::UnitGrid> grids(kCols / length);
        const qs::RoundingErrors errors = qs::roundAndPack(row.row(0), length, scheme, packed, grids);
        double squaredError = 0;
        for (std::size_t g = 0; g < grids.size(); ++g) {
          const auto values = row.row(0).subspan(g * length, length);
          QVERIFY(grids[g] == qs::findGrid(values, scheme));
          for (std::size_t j = 0; j < length; ++j) {
            const float code = qs::codeOf(values[j], grids[g], qs::codeLimits(scheme));
            const std::uint8_t byte = packed[g * length / 2 + j % (length / 2)];
            QCOMPARE(j < length / 2 ? byte & 15 : byte >> 4, qs::storedCode(code) & 15);
            squaredError += std::pow(static_cast<double>(qs::valueOf(code, grids[g]) - values[j]), 2);
          }
        }
        QVERIFY(std::abs(errors.squaredError - squaredError) <= 1e-5 * squaredError);
      });
    }
  }

  void clipSearchFindsTheLeastError_data() {
    QTest::addColumn<int>("candidates");
    for (const int candidates : {1, 16, 33, 100, 300}) QTest::addRow("of %d", candidates) << candidates;
  }
  void clipSearchFindsTheLeastError() {
    QFETCH(const int, candidates);
    const float step = 0.66F / static_cast<float>(candidates);
    const qs::QuantScheme scheme{.bits = 3};
    const Matrix values = qs::test::randomMatrix(1, 128, 9);
    const qs::ValueRange range = qs::rangeOf(values.row(0));
    const auto candidate = [&](int i) {
      const float p = 1.0F - step * static_cast<float>(i);
      return qs::gridOfRange({p * range.low, p * range.high}, scheme);
    };
    const auto errorOn = [&](qs::UnitGrid grid) {
      double sum = 0;
      for (const float x : values.row(0))
        sum += std::pow(static_cast<double>(qs::onGrid(x, grid, qs::codeLimits(scheme)) - x), 2);
      return sum;
    };
    onEveryTarget([&](std::int64_t) {
      const qs::UnitGrid found = qs::leastSquaresGrid(values.row(0), scheme, candidates, step);
      bool isCandidate = false;
      for (int i = 0; i < candidates; ++i) {
        isCandidate = isCandidate || found == candidate(i);
        QVERIFY(errorOn(found) <= errorOn(candidate(i)) * (1 + 1e-5));
      }
      QVERIFY(isCandidate);
    });
  }
};

QTEST_APPLESS_MAIN(TestProducts)
#include "tst_products.moc"
