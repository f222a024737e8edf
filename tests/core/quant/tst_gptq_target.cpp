#include <QtTest>

#include <cmath>
#include <numeric>

#include "core/kernels/triangular.h"
#include "core/quant/gptq_hessian.h"
#include "core/quant/gptq_target.h"
#include "tests/support/method_run.h"
#include "tests/support/random_matrix.h"

using qs::ActivationStats;
using qs::Matrix;
using qs::QuantizedTensor;
using qs::Settings;

namespace {

// The unquantized model's inputs, and what quantized layers made of them: noise, and a part of it lost.
struct DriftedInputs {
  Matrix originals = qs::test::correlatedInputs(600, 64);
  Matrix inputs = originals;
  ActivationStats stats;
};

DriftedInputs driftedInputs() {
  DriftedInputs made;
  const Matrix noise = qs::test::randomMatrix(600, 64, 31);
  for (std::size_t i = 0; i < noise.values().size(); ++i)
    made.inputs.values()[i] = 0.8F * made.originals.values()[i] + noise.values()[i];
  made.stats = qs::test::statsOf(made.inputs);
  made.stats.drift.assign(64 * 64, 0.0);
  for (std::size_t t = 0; t < 600; ++t)
    for (std::size_t i = 0; i < 64; ++i)
      for (std::size_t j = 0; j < 64; ++j)
        made.stats.drift[i * 64 + j] +=
            (static_cast<double>(made.originals(t, i)) - made.inputs(t, i)) * made.inputs(t, j);
  return made;
}

double dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
                            [](float x, float y) { return static_cast<double>(x) * y; });
}

// ‖X°Wᵀ − XVᵀ‖².
double distanceFromOriginal(const DriftedInputs& drifted, const Matrix& weights, const Matrix& others) {
  double sum = 0;
  for (std::size_t t = 0; t < drifted.inputs.rows(); ++t)
    for (std::size_t o = 0; o < weights.rows(); ++o)
      sum += std::pow(dot(drifted.originals.row(t), weights.row(o)) - dot(drifted.inputs.row(t), others.row(o)), 2);
  return sum;
}

}  // namespace

/// GPTQ that aims at the unquantized model's outputs, on inputs that quantized layers made.
class TestGptqTarget : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  // At the least of a quadratic form, small steps in any direction change nothing to first order and make it larger.
  void matchedWeightsAreTheNearestToTheOriginalsOutputs() {
    const DriftedInputs drifted = driftedInputs();
    const Matrix weights = qs::test::randomMatrix(70, 64, 32);
    for (const bool byActivation : {false, true}) {
      const auto order = qs::columnOrder(drifted.stats, byActivation);
      std::vector<double> factor = qs::dampedHessian(drifted.stats, order, 1e-9, {});
      QVERIFY(qs::factorUpper(factor, 64, {}));
      const Matrix matched = qs::weightsForOriginalOutputs(weights.view(), drifted.stats, factor, order, {});
      const double least = distanceFromOriginal(drifted, weights, matched);
      QVERIFY(least < 0.5 * distanceFromOriginal(drifted, weights, weights));
      for (const std::uint64_t seed : {41, 42, 43}) {
        const Matrix step = qs::test::randomMatrix(70, 64, seed);
        for (const float length : {-0.01F, 0.01F}) {
          Matrix moved = matched;
          for (std::size_t i = 0; i < moved.values().size(); ++i) moved.values()[i] += length * step.values()[i];
          QVERIFY(distanceFromOriginal(drifted, weights, moved) > least);
        }
      }
    }
  }

  void matchingTheOriginalLowersTheErrorThatTheModelSees() {
    const DriftedInputs drifted = driftedInputs();
    const Matrix weights = qs::test::randomMatrix(70, 64, 32);
    const auto distance = [&](bool match) {
      const Settings settings({{"bits", std::int64_t{4}}, {"group_size", std::int64_t{32}}, {"match_original", match}});
      const QuantizedTensor tensor = qs::test::runMethodOk("gptq", weights, settings, &drifted.stats);
      Matrix values(70, 64);
      qs::dequantizeRows(tensor, 0, values.span());
      return distanceFromOriginal(drifted, weights, values);
    };
    QVERIFY(distance(true) < 0.8 * distance(false));
    ActivationStats parallel = drifted.stats;
    parallel.drift.clear();
    const auto codes = [&](const ActivationStats& stats, bool match) {
      return qs::test::runMethodOk("gptq", weights, Settings({{"match_original", match}}), &stats).codes;
    };
    QVERIFY(codes(parallel, true) == codes(drifted.stats, false));  // nothing to match without drift
  }
};

QTEST_APPLESS_MAIN(TestGptqTarget)
#include "tst_gptq_target.moc"
