#include <QtTest>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/parallel.h"
#include "core/kernels/convert.h"
#include "core/stats/weight_stats.h"
#include "tests/support/random_matrix.h"
#include "tests/support/stored_bytes.h"

using qs::Matrix;

namespace {

constexpr double kTolerance = 1e-5;  // F32 sums and results against F64 ones, relative

bool close(double got, double expected) { return std::abs(got - expected) <= kTolerance * std::abs(expected); }

std::uint64_t total(const qs::Histogram& histogram) {
  return std::accumulate(histogram.counts.begin(), histogram.counts.end(), std::uint64_t{0});
}

// The weights with an error that grows along the columns.
Matrix disturbed(const Matrix& weights) {
  Matrix result = weights;
  for (std::size_t r = 0; r < weights.rows(); ++r)
    for (std::size_t c = 0; c < weights.cols(); ++c)
      result(r, c) += (r % 2 == 0 ? 1e-4F : -1e-4F) * static_cast<float>(c + 1);
  return result;
}

}  // namespace

class TestWeightStats : public QObject {
  Q_OBJECT

  const Matrix m_weights = qs::test::randomMatrix(150, 77, 3);

 private Q_SLOTS:
  void momentsAreThoseOfTheValues() {
    const qs::Moments moments = qs::describeWeights(m_weights.view(), {}).moments;
    const auto values = m_weights.values();
    const auto n = static_cast<double>(values.size());
    double mean = 0;
    for (const float value : values) mean += static_cast<double>(value) / n;
    double second = 0;
    double fourth = 0;
    for (const float value : values) {
      const double centred = static_cast<double>(value) - mean;
      second += centred * centred / n;
      fourth += centred * centred * centred * centred / n;
    }
    QCOMPARE(moments.count, std::uint64_t{150 * 77});
    QVERIFY(close(moments.mean(), mean));
    QVERIFY(close(moments.standardDeviation(), std::sqrt(second)));
    QVERIFY(close(moments.kurtosis(), fourth / (second * second)));
    QCOMPARE(moments.minimum, *std::min_element(values.begin(), values.end()));
    QCOMPARE(moments.maximum, *std::max_element(values.begin(), values.end()));
  }

  void everyValueIsInTheHistogram() {
    const qs::Histogram histogram = qs::describeWeights(m_weights.view(), {}).histogram;
    QCOMPARE(histogram.counts.size(), qs::kHistogramBins);
    QCOMPARE(total(histogram), std::uint64_t{150 * 77});
    QVERIFY(histogram.counts.front() > 0 && histogram.counts.back() > 0);
  }

  void channelsAreTheColumns() {
    const qs::ChannelStats channels = qs::describeWeights(m_weights.view(), {}).channels;
    QCOMPARE(channels.size(), std::size_t{77});
    for (std::size_t c = 0; c < 77; ++c) {
      std::vector<float> column;
      for (std::size_t r = 0; r < 150; ++r) column.push_back(m_weights(r, c));
      std::sort(column.begin(), column.end());
      QCOMPARE(channels.minimum[c], column.front());
      QCOMPARE(channels.maximum[c], column.back());
      QCOMPARE(channels.absMax[c], std::max(std::abs(column.front()), std::abs(column.back())));
      QCOMPARE(channels.median[c], column[74] + (column[75] - column[74]) * 0.5F);
    }
  }

  void errorsAreCountedByChannelAndByGroup() {
    const Matrix quantized = disturbed(m_weights);
    const qs::WeightDescription description = qs::describeWeights(m_weights.view(), {});
    const qs::WeightComparison comparison = qs::compareWeights(m_weights.view(), quantized.view(), description, 32, {});
    QCOMPARE(comparison.groupsPerRow, std::size_t{3});  // 32, 32 and 13 inputs
    const auto squared = [&](std::size_t r, std::size_t c) {
      const double error = static_cast<double>(quantized(r, c)) - static_cast<double>(m_weights(r, c));
      return error * error;
    };
    double sum = 0;
    for (std::size_t c = 0; c < 77; ++c) {
      double channel = 0;
      for (std::size_t r = 0; r < 150; ++r) channel += squared(r, c);
      QVERIFY(close(static_cast<double>(comparison.channelMeanSquaredError[c]), channel / 150));
      sum += channel;
    }
    QVERIFY(close(comparison.errors.sumSquaredError, sum));
    for (std::size_t r = 0; r < 150; ++r) {
      double last = 0;
      for (std::size_t c = 64; c < 77; ++c) last += squared(r, c);
      QVERIFY(close(static_cast<double>(comparison.groupMeanSquaredError[r * 3 + 2]), last / 13));
    }
  }

  void binsAreAddedToHoldTheQuantizedWeights() {
    const qs::WeightDescription description = qs::describeWeights(m_weights.view(), {});
    const qs::Histogram& own = description.histogram;
    Matrix quantized = m_weights;
    quantized(5, 5) = static_cast<float>(own.high + 9.5 * own.binWidth());
    const qs::WeightComparison comparison = qs::compareWeights(m_weights.view(), quantized.view(), description, 77, {});
    QCOMPARE(comparison.before.low, own.low);
    QVERIFY(close(comparison.before.high, own.high + 10 * own.binWidth()));
    QVERIFY(std::equal(own.counts.begin(), own.counts.end(), comparison.before.counts.begin()));
    QCOMPARE(comparison.before.counts.size(), own.counts.size() + 10);
    QCOMPARE(comparison.after.counts.size(), own.counts.size() + 10);
    QCOMPARE(comparison.after.counts.back(), std::uint64_t{1});
    QCOMPARE(total(comparison.before), total(comparison.after));
  }

  void binsWidenToHoldAnOutlier() {
    Matrix quantized = m_weights;
    quantized(5, 5) = -1000.0F;
    const qs::WeightDescription description = qs::describeWeights(m_weights.view(), {});
    const qs::WeightComparison comparison = qs::compareWeights(m_weights.view(), quantized.view(), description, 77, {});
    QCOMPARE(comparison.after.low, -1000.0);
    QCOMPARE(comparison.before.low, -1000.0);
    QCOMPARE(comparison.before.high, description.histogram.high);
    QCOMPARE(comparison.after.counts.size(), qs::kHistogramBins);
    QCOMPARE(comparison.after.counts.front(), std::uint64_t{1});
    QCOMPARE(total(comparison.before), total(comparison.after));
  }

  // From codes the comparison, and its maps, are those of the matrix that they stand for.
  void codesAreComparedAsTheirValues_data() {
    QTest::addColumn<float>("scale");  // of most units; one in seven has a large one
    QTest::addColumn<bool>("codebook");
    QTest::addColumn<bool>("scaledInputs");
    QTest::addColumn<bool>("reordered");
    QTest::addColumn<int>("group");  // long ones are counted by their codes
    for (const int group : {32, 64}) {
      QTest::addRow("far beyond the weights, %d", group) << 0.05F << false << false << false << group;
      QTest::addRow("some units beyond them, %d", group) << 0.001F << false << false << false << group;
      QTest::addRow("within them, %d", group) << 0.00001F << false << false << false << group;
      QTest::addRow("codebook, %d", group) << 0.001F << true << false << false << group;
      QTest::addRow("scaled inputs, %d", group) << 0.001F << false << true << false << group;
      QTest::addRow("reordered groups, %d", group) << 0.001F << false << false << true << group;
    }
  }
  void codesAreComparedAsTheirValues() {
    QFETCH(const float, scale);
    QFETCH(const bool, codebook);
    QFETCH(const bool, scaledInputs);
    QFETCH(const bool, reordered);
    QFETCH(const int, group);
    const std::size_t groups = 77 / static_cast<std::size_t>(group) + 1;
    qs::QuantizedTensor tensor;
    tensor.scheme.groupSize = group;
    tensor.rows = 150;
    tensor.cols = 77;
    tensor.codes.resize(150 * 77);
    tensor.scales.assign(150 * groups, scale);
    for (std::size_t u = 0; u < tensor.scales.size(); u += 7) tensor.scales[u] = scale * 20;
    if (codebook)
      tensor.codebook = {0, 1, 2, 3, 4, 6, 8, 12, -1, -2, -3, -4, -6, -8, -12, std::nanf("")};
    else
      tensor.zeroPoints.assign(150 * groups, 7.0F);
    if (scaledInputs) tensor.inputScale.assign(77, 0.1F);
    if (reordered)
      for (std::size_t c = 0; c < 77; ++c) tensor.groupIndex.push_back(static_cast<std::int32_t>(c % groups));
    for (std::size_t i = 0; i < tensor.codes.size(); ++i) tensor.codes[i] = static_cast<std::uint8_t>(i * 7 % 15);
    const Matrix values = qs::dequantize(tensor);
    Matrix error = values;
    for (std::size_t i = 0; i < error.values().size(); ++i) error.values()[i] -= m_weights.values()[i];
    const qs::WeightDescription description = qs::describeWeights(m_weights.view(), {});
    qs::ComparisonMaps maps;
    const auto length = static_cast<std::size_t>(group);
    const auto fromCodes = qs::compareWeights(m_weights.view(), tensor, description, length, {}, &maps);
    const auto fromValues = qs::compareWeights(m_weights.view(), values.view(), description, length, {});
    QVERIFY(fromCodes.errors.sumSquaredError == fromValues.errors.sumSquaredError);
    QVERIFY(fromCodes.before == fromValues.before && fromCodes.after == fromValues.after);
    QVERIFY(fromCodes.groupMeanSquaredError == fromValues.groupMeanSquaredError);
    QCOMPARE(maps.quantized.levels().front().values, qs::AbsMaxPyramid(values.view(), {}).levels().front().values);
    QCOMPARE(maps.error.levels().front().values, qs::AbsMaxPyramid(error.view(), {}).levels().front().values);
    QVERIFY(close(static_cast<double>(maps.error.largestMagnitude()), fromCodes.errors.maxAbsError));
  }

  // Weights are described and compared as they are stored, as the matrix that they widen to.
  void storedWeightsAreTheirValues_data() {
    QTest::addColumn<int>("type");
    QTest::addRow("F16") << static_cast<int>(qs::DType::F16);
    QTest::addRow("BF16") << static_cast<int>(qs::DType::BF16);
    QTest::addRow("F32") << static_cast<int>(qs::DType::F32);
  }
  void storedWeightsAreTheirValues() {
    QFETCH(const int, type);
    const auto dtype = static_cast<qs::DType>(type);
    const std::vector<std::byte> bytes = qs::test::storedBytes(m_weights, dtype);
    const qs::WeightRows stored(qs::StoredRows{dtype, bytes.data() + 1, 150, 77});
    Matrix widened(150, 77);
    qs::widenToFloat(dtype, stored.stored().contents(), widened.values());
    const Matrix quantized = disturbed(m_weights);
    const qs::WeightDescription expected = qs::describeWeights(widened.view(), {});
    const qs::WeightDescription later = qs::describeWeights(stored, {}, qs::WeightCounts::Later);
    QCOMPARE(later.isCounted, dtype != qs::DType::F32);  // bit patterns are counted in the first pass
    QCOMPARE(total(later.histogram), std::uint64_t{later.isCounted ? 150U * 77U : 0U});
    if (later.isCounted) QVERIFY(later.histogram == expected.histogram);
    QVERIFY(qs::describeWeights(stored, {}).histogram == expected.histogram);
    QVERIFY(later.moments.sumFourth == expected.moments.sumFourth);
    QCOMPARE(later.channels.median, expected.channels.median);
    QCOMPARE(later.channels.lowerQuartile, expected.channels.lowerQuartile);
    QCOMPARE(later.channels.upperQuartile, expected.channels.upperQuartile);
    QCOMPARE(later.channels.absMax, expected.channels.absMax);
    const auto ofStored = qs::compareWeights(stored, quantized.view(), later, 32, {});
    const auto ofMatrix = qs::compareWeights(widened.view(), quantized.view(), expected, 32, {});
    QVERIFY(ofStored.before == ofMatrix.before && ofStored.after == ofMatrix.after);
    QVERIFY(ofStored.errors.sumSquaredError == ofMatrix.errors.sumSquaredError);
    QCOMPARE(ofStored.channelMeanSquaredError, ofMatrix.channelMeanSquaredError);
    Matrix far = quantized;
    far(5, 5) = -1000.0F;  // new bins
    QVERIFY(qs::compareWeights(stored, far.view(), later, 32, {}).before ==
            qs::compareWeights(widened.view(), far.view(), expected, 32, {}).before);
  }

  void equalWeightsHaveABinAroundThem() {
    Matrix weights(4, 8);
    std::fill(weights.values().begin(), weights.values().end(), -0.5F);
    const qs::WeightDescription description = qs::describeWeights(weights.view(), {});
    QVERIFY(description.histogram.low < -0.5 && description.histogram.high > -0.5);
    QCOMPARE(total(description.histogram), std::uint64_t{32});
    QCOMPARE(description.moments.kurtosis(), 0.0);
    const qs::WeightComparison comparison = qs::compareWeights(weights.view(), weights.view(), description, 8, {});
    QCOMPARE(comparison.errors.relativeError(), 0.0);
    QVERIFY(std::isinf(comparison.errors.sqnrDb()));
  }

  void threadsDontChangeTheResult() {
    const Matrix weights = qs::test::randomMatrix(700, 901, 4);
    const Matrix quantized = disturbed(weights);
    const auto run = [&](int threads) {
      qs::WeightComparison comparison;
      const qs::RunContext context{.threads = threads};
      qs::inWorkerArena(context, [&] {
        const qs::WeightDescription description = qs::describeWeights(weights.view(), context);
        comparison = qs::compareWeights(weights.view(), quantized.view(), description, 128, context);
      });
      return comparison;
    };
    const qs::WeightComparison one = run(1);
    for (const int threads : {2, 8}) {
      const qs::WeightComparison many = run(threads);
      QVERIFY(many.errors.sumSquaredError == one.errors.sumSquaredError);
      QVERIFY(many.errors.sumProduct == one.errors.sumProduct);
      QVERIFY(many.before == one.before && many.after == one.after);
      QVERIFY(many.channelMeanSquaredError == one.channelMeanSquaredError);
      QVERIFY(many.groupMeanSquaredError == one.groupMeanSquaredError);
    }
  }
};

QTEST_APPLESS_MAIN(TestWeightStats)
#include "tst_weight_stats.moc"
