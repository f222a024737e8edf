#include <QtTest>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/stats/activation_accumulator.h"
#include "tests/support/golden.h"
#include "tests/support/method_run.h"
#include "tests/support/project_paths.h"
#include "tests/support/random_matrix.h"

using qs::ActivationAccumulator;
using qs::ActivationStats;
using qs::Matrix;

namespace {

constexpr double kGramTolerance = 2e-6;  // F32 products of 1,024 rows, relative to the diagonal

ActivationStats accumulate(const Matrix& inputs, std::size_t batch, qs::ActivationOptions options = {},
                           int threads = 1) {
  ActivationStats stats;
  const qs::RunContext context{.threads = threads};
  qs::inWorkerArena(context, [&] {
    ActivationAccumulator accumulator("layer", inputs.cols(), options);
    for (std::size_t first = 0; first < inputs.rows(); first += batch)
      accumulator.add(inputs.view().middleRows(first, std::min(batch, inputs.rows() - first)), context);
    stats = accumulator.take(context);
  });
  return stats;
}

// ‖X·Wᵀ‖² = tr(W·G·Wᵀ).
double sumOfSquaredOutputs(const Matrix& weights, const ActivationStats& stats) {
  double sum = 0;
  for (std::size_t r = 0; r < weights.rows(); ++r) {
    const auto row = weights.row(r);
    for (std::size_t i = 0; i < row.size(); ++i) {
      double product = 0;
      for (std::size_t j = 0; j < row.size(); ++j)
        product += stats.gram[i * row.size() + j] * static_cast<double>(row[j]);
      sum += static_cast<double>(row[i]) * product;
    }
  }
  return sum;
}

// Rows whose number can be read from their values.
Matrix numberedRows(std::size_t rows) {
  Matrix matrix(rows, 2);
  for (std::size_t r = 0; r < rows; ++r) {
    matrix(r, 0) = static_cast<float>(r);
    matrix(r, 1) = -static_cast<float>(r);
  }
  return matrix;
}

}  // namespace

class TestActivationAccumulator : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void driftIsTheOriginalLessTheRowTimesTheRow() {
    const Matrix inputs = qs::test::randomMatrix(1300, 40, 5);
    const Matrix originals = qs::test::randomMatrix(1300, 40, 6);
    for (const std::size_t holdOut : {0, 3}) {
      ActivationAccumulator accumulator("layer", 40, {.drift = true, .holdOutEvery = holdOut});
      for (std::size_t first = 0; first < 1300; first += 100)
        accumulator.add(inputs.view().middleRows(first, 100), originals.view().middleRows(first, 100), {});
      const ActivationStats stats = accumulator.take();
      for (const auto& [i, j] : {std::pair<std::size_t, std::size_t>{0, 0}, {3, 39}, {39, 3}}) {
        double sum = 0;
        double magnitude = 0;
        for (std::size_t t = 0; t < 1300; ++t) {
          if (holdOut != 0 && (t + 1) % holdOut == 0) continue;
          const double part = (static_cast<double>(originals(t, i)) - inputs(t, i)) * inputs(t, j);
          sum += part;
          magnitude += std::abs(part);
        }
        QVERIFY(std::abs(stats.drift[i * 40 + j] - sum) <= kGramTolerance * magnitude);
      }
    }
    QVERIFY(accumulate(inputs, 100).drift.empty());
  }

  void statisticsAgreeWithAPlainComputation() {
    const Matrix inputs = qs::test::randomMatrix(2500, 70, 3);
    const ActivationStats expected = qs::test::statsOf(inputs, 100);
    const ActivationStats got = accumulate(inputs, 100);
    QCOMPARE(got.tokens, std::uint64_t{2500});
    QVERIFY(got.absMax == expected.absMax && got.minimum == expected.minimum && got.maximum == expected.maximum);
    QVERIFY(got.batchRanges == expected.batchRanges);
    QVERIFY(got.sampleIsWhole && got.sample == inputs && got.heldOut.empty());
    for (std::size_t c = 0; c < 70; ++c) QVERIFY(std::abs(got.meanAbs[c] / expected.meanAbs[c] - 1.0F) < 1e-6F);
    for (std::size_t i = 0; i < 70; ++i)
      for (std::size_t j = 0; j < 70; ++j) {
        const double scale = std::sqrt(expected.gram[i * 70 + i] * expected.gram[j * 70 + j]);
        QVERIFY(std::abs(got.gram[i * 70 + j] - expected.gram[i * 70 + j]) <= kGramTolerance * scale);
        QCOMPARE(got.gram[i * 70 + j], got.gram[j * 70 + i]);
      }
  }

  void goldenLayersHaveTheirDeadAndTheirLargestChannels() {
    const qs::test::Golden golden(qs::test::dataFolder() / "golden");
    for (const auto& [name, expected] : golden.expected()["layers"].items()) {
      const ActivationStats stats = accumulate(golden.inputs(name), 64);
      QCOMPARE(stats.tokens, expected["tokens"].get<std::uint64_t>());
      std::vector<std::size_t> dead;
      std::vector<std::size_t> order(stats.channels);
      for (std::size_t c = 0; c < stats.channels; ++c) {
        order[c] = c;
        if (stats.absMax[c] == 0.0F && stats.gram[c * stats.channels + c] == 0.0) dead.push_back(c);
      }
      QVERIFY(dead == expected["dead_channels"].get<std::vector<std::size_t>>());
      const auto top = expected["top_channels"].get<std::vector<std::size_t>>();
      std::stable_sort(order.begin(), order.end(),
                       [&](std::size_t a, std::size_t b) { return stats.absMax[a] > stats.absMax[b]; });
      QVERIFY(std::equal(top.begin(), top.end(), order.begin()));
      QVERIFY(std::abs(sumOfSquaredOutputs(golden.weights(name), stats) / expected["output_sum_squares"].get<double>() -
                       1.0) <= kGramTolerance);
    }
  }

  void neitherThreadsNorBatchesShowInTheBits() {
    const Matrix inputs = qs::test::randomMatrix(2100, 1100, 4);
    const ActivationStats one = accumulate(inputs, 2100);
    for (const int threads : {2, 8}) QVERIFY(accumulate(inputs, 2100, {}, threads).gram == one.gram);
    const ActivationStats cut = accumulate(inputs, 97, {}, 2);
    QVERIFY(cut.gram == one.gram && cut.meanAbs == one.meanAbs);
  }

  void everyNthRowIsKeptOut() {
    const ActivationStats stats = accumulate(numberedRows(20), 7, {.holdOutEvery = 8});
    QCOMPARE(stats.tokens, std::uint64_t{18});
    QCOMPARE(stats.heldOut.rows(), std::size_t{2});
    QCOMPARE(stats.heldOut(0, 0), 7.0F);
    QCOMPARE(stats.heldOut(1, 0), 15.0F);
    QCOMPARE(stats.sample.rows(), std::size_t{18});
    QCOMPARE(stats.batchRanges.size(), std::size_t{3});
    QCOMPARE(stats.batchRanges[0].second, 6.0F);
  }

  void longStreamsLeaveAnEvenSample() {
    const ActivationStats stats = accumulate(numberedRows(10000), 512);
    QVERIFY(!stats.sampleIsWhole);
    QCOMPARE(stats.sample.rows(), std::size_t{2500});
    for (std::size_t r = 0; r < stats.sample.rows(); ++r) QCOMPARE(stats.sample(r, 0), static_cast<float>(4 * r));
  }

  void aSampleIsWholeUpToItsCapacity() {
    QVERIFY(accumulate(numberedRows(4096), 512).sampleIsWhole);
    QVERIFY(!accumulate(numberedRows(4097), 512).sampleIsWhole);
  }

  void faultsNameTheLayerTheRowAndTheChannel() {
    Matrix inputs = numberedRows(10);
    inputs(6, 1) = std::nanf("");
    ActivationAccumulator accumulator("h.0.fc", 2);
    accumulator.add(numberedRows(5).view());
    try {
      accumulator.add(inputs.view());
      QFAIL("accepted");
    } catch (const qs::Error& error) {
      QVERIFY(error.kind() == qs::ErrorKind::Input);
      const QString text = error.what();
      QVERIFY2(text.contains("h.0.fc") && text.contains("NaN at row 11, channel 1"), qPrintable(text));
    }
    QCOMPARE(accumulator.tokens(), std::uint64_t{5});
    try {
      accumulator.add(Matrix(3, 3).view());
      QFAIL("accepted");
    } catch (const qs::Error& error) {
      const QString text = error.what();
      QVERIFY2(text.contains("2 channels") && text.contains("got 3"), qPrintable(text));
    }
    QVERIFY_EXCEPTION_THROWN(ActivationAccumulator("x", 2, {.holdOutEvery = 1}), qs::Error);
    ActivationAccumulator empty("x", 2);
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(empty.take()), qs::Error);
  }
};

QTEST_APPLESS_MAIN(TestActivationAccumulator)
#include "tst_activation_accumulator.moc"
