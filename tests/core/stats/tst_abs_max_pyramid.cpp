#include <QtTest>

#include "core/base/error.h"
#include "core/stats/abs_max_pyramid.h"
#include "tests/support/random_matrix.h"

class TestAbsMaxPyramid : public QObject {
  Q_OBJECT

  // The value of largest magnitude of a rectangle, the first of equals: computed cell by cell.
  static float strongest(const qs::Matrix& matrix, std::size_t row, std::size_t col, std::size_t side) {
    float best = matrix(row, col);
    for (std::size_t r = row; r < std::min(row + side, matrix.rows()); ++r)
      for (std::size_t c = col; c < std::min(col + side, matrix.cols()); ++c)
        if (std::abs(matrix(r, c)) > std::abs(best)) best = matrix(r, c);
    return best;
  }

 private Q_SLOTS:
  void everyCellIsTheStrongestOfItsRectangle_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("cols");
    QTest::newRow("sizes that the pools divide") << 64 << 128;
    QTest::newRow("ragged edges") << 67 << 101;
    QTest::newRow("one row") << 1 << 50;
    QTest::newRow("one value") << 1 << 1;
  }
  void everyCellIsTheStrongestOfItsRectangle() {
    QFETCH(int, rows);
    QFETCH(int, cols);
    const qs::Matrix matrix = qs::test::randomMatrix(static_cast<std::size_t>(rows), static_cast<std::size_t>(cols));
    const qs::AbsMaxPyramid pyramid(matrix.view(), {});
    for (const auto& level : pyramid.levels())
      for (std::size_t r = 0; r < level.rows; ++r)
        for (std::size_t c = 0; c < level.cols; ++c)
          QCOMPARE(std::abs(level.values[r * level.cols + c]),
                   std::abs(strongest(matrix, r * level.pool, c * level.pool, level.pool)));
    QCOMPARE(pyramid.levels().back().values.size(), std::size_t{1});
    QCOMPARE(pyramid.largestMagnitude(), std::abs(strongest(matrix, 0, 0, 1000)));
  }

  void keepsTheSignOfAnOutlier() {
    qs::Matrix matrix = qs::test::randomMatrix(40, 40);
    matrix(17, 23) = -3.0F;
    const qs::AbsMaxPyramid pyramid(matrix.view(), {});
    QCOMPARE(pyramid.levels().back().values.front(), -3.0F);
  }

  void aDifferenceIsPooledAsIfItWereStored() {
    const qs::Matrix a = qs::test::randomMatrix(67, 101, 1);
    const qs::Matrix b = qs::test::randomMatrix(67, 101, 2);
    qs::Matrix difference(67, 101);
    for (std::size_t i = 0; i < difference.values().size(); ++i) difference.values()[i] = a.values()[i] - b.values()[i];
    const qs::AbsMaxPyramid stored(difference.view(), {});
    qs::AbsMaxPyramid direct(67, 101);
    direct.addRows(32, a.view().middleRows(32, 35), b.view().middleRows(32, 35));
    direct.addRows(0, a.view().middleRows(0, 32), b.view().middleRows(0, 32));
    direct.finish({});
    QCOMPARE(direct.levels().size(), stored.levels().size());
    for (std::size_t level = 0; level < stored.levels().size(); ++level)
      QCOMPARE(direct.levels()[level].values, stored.levels()[level].values);
  }

  void stopsWhenAsked() {
    std::stop_source stop;
    stop.request_stop();
    const qs::Matrix matrix = qs::test::randomMatrix(40, 40);
    QVERIFY_EXCEPTION_THROWN(qs::AbsMaxPyramid(matrix.view(), {.stop = stop.get_token()}), qs::Cancelled);
  }
};

QTEST_APPLESS_MAIN(TestAbsMaxPyramid)
#include "tst_abs_max_pyramid.moc"
