// GPTQ, AWQ, clip search and the Gram matrix on a layer of 4096×4096, one thread, each beside a plain form of the
// published algorithm or the bare matrix products, so that the ratio says something on any machine.
#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <numeric>

#include <cblas.h>

#include "core/base/blas_threads.h"
#include "core/kernels/clip_search.h"
#include "core/kernels/gptq_rows.h"
#include "core/kernels/gram.h"
#include "core/kernels/matmul.h"
#include "core/kernels/triangular.h"
#include "core/quant/awq_search.h"
#include "core/quant/gptq_hessian.h"
#include "core/quant/uniform_grid.h"

namespace {

using qs::Matrix;

constexpr std::size_t kSide = 4096;
constexpr std::size_t kTokens = 512;
constexpr std::size_t kGramTokens = 2048;
constexpr int kBlock = 128;

Matrix noise(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Matrix matrix(rows, cols);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (float& value : matrix.values()) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    value = static_cast<float>(static_cast<double>(state >> 11U) * 0x1.0p-53 - 0.5);
  }
  return matrix;
}

const Matrix& weights() {
  static const Matrix matrix = noise(kSide, kSide, 1);
  return matrix;
}

// Calibration of 512 tokens whose Gram matrix is well conditioned (the damping does the rest).
const qs::ActivationStats& activations() {
  static const qs::ActivationStats stats = [] {
    qs::useOneBlasThread();
    qs::ActivationStats made{.channels = kSide, .tokens = kTokens, .sample = noise(kTokens, kSide, 2)};
    made.gram.assign(kSide * kSide, 0.0);
    qs::addGramUpper(made.sample.view(), made.gram, {});
    qs::mirrorUpper(made.gram, kSide, {});
    made.meanAbs.assign(kSide, 0.25F);
    for (std::size_t c = 0; c < kSide; c += 64) made.meanAbs[c] = 5.0F;
    made.absMax.assign(kSide, 0.5F);
    return made;
  }();
  return stats;
}

const qs::RunContext kOneThread{.threads = 1};

void gptqOurs(benchmark::State& state) {
  const qs::QuantScheme scheme{.bits = 4, .groupSize = 128};
  const auto order = qs::columnOrder(activations(), false);
  static_cast<void>(weights());
  for (auto _ : state) {
    std::vector<double> upper = qs::dampedHessian(activations(), order, 0.01, kOneThread);
    if (!qs::factorUpper(upper, kSide, kOneThread)) state.SkipWithError("not positive definite");
    const qs::GptqFactor<float> factor(upper, kSide, kBlock, kOneThread);
    qs::QuantizedTensor tensor = qs::emptyTensor(scheme, kSide, kSide);
    benchmark::DoNotOptimize(qs::gptqAllRows(qs::GptqProblem{weights().view(), order, {}}, factor, tensor, kOneThread));
  }
}

// The published order of work with the same F64 factor: right-looking over blocks of 128 columns, all rows at once,
// column by column inside a block, then the lazy update of everything to the right; groups from the current weights.
struct RightLooking {
  Matrix w;                    // transposed: [in][out], so that a column is contiguous
  std::vector<float> errors;   // [block][out]
  std::vector<float> inverse;  // U, upper
  std::vector<qs::UnitGrid> grids;

  void findGrids(std::size_t first, const qs::QuantScheme& scheme) {
    std::vector<float> values(kBlock);
    for (std::size_t row = 0; row < kSide; ++row) {
      for (std::size_t k = 0; k < kBlock; ++k) values[k] = w(first + k, row);
      grids[row] = qs::findGrid(values, scheme);
    }
  }

  void column(std::size_t j, std::size_t first, qs::CodeLimits limits) {
    float* column = w.row(j).data();
    float* error = &errors[(j - first) * kSide];
    const float own = inverse[j * kSide + j];
    for (std::size_t row = 0; row < kSide; ++row) {
      const float value = qs::onGrid(column[row], grids[row], limits);
      error[row] = (column[row] - value) / own;
    }
    for (std::size_t k = j; k < first + kBlock; ++k) {
      const float factor = inverse[j * kSide + k];
      float* open = w.row(k).data();
      for (std::size_t row = 0; row < kSide; ++row) open[row] -= error[row] * factor;
    }
  }

  void block(std::size_t first, const qs::QuantScheme& scheme) {
    findGrids(first, scheme);
    for (std::size_t j = first; j < first + kBlock; ++j) column(j, first, qs::codeLimits(scheme));
    const std::size_t right = first + kBlock;
    if (right == kSide) return;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, static_cast<blasint>(kSide - right), kSide, kBlock, -1.0F,
                &inverse[first * kSide + right], kSide, errors.data(), kSide, 1.0F, w.row(right).data(), kSide);
  }
};

// U = R⁻¹ from our factor, a block column at a time.
std::vector<float> upperInverse(const std::vector<double>& upper) {
  std::vector<double> inverse(kSide * kSide, 0.0);
  for (std::size_t i = 0; i < kSide; ++i) inverse[i * kSide + i] = 1.0;
  for (std::size_t col = 0; col < kSide; col += 256)
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, static_cast<blasint>(col + 256), 256,
                1.0, upper.data(), kSide, inverse.data() + col, kSide);
  return {inverse.begin(), inverse.end()};
}

void gptqRightLooking(benchmark::State& state) {
  const qs::QuantScheme scheme{.bits = 4, .groupSize = 128};
  const auto order = qs::columnOrder(activations(), false);
  for (auto _ : state) {
    std::vector<double> upper = qs::dampedHessian(activations(), order, 0.01, kOneThread);
    if (!qs::factorUpper(upper, kSide, kOneThread)) state.SkipWithError("not positive definite");
    RightLooking run{Matrix(kSide, kSide), std::vector<float>(kBlock * kSide), upperInverse(upper),
                     std::vector<qs::UnitGrid>(kSide)};
    for (std::size_t r = 0; r < kSide; ++r)
      for (std::size_t c = 0; c < kSide; ++c) run.w(c, r) = weights()(r, c);
    for (std::size_t first = 0; first < kSide; first += kBlock) run.block(first, scheme);
    benchmark::DoNotOptimize(run.w.values().data());
  }
}

void factorOnly(benchmark::State& state) {
  const auto order = qs::columnOrder(activations(), false);
  for (auto _ : state) {
    std::vector<double> upper = qs::dampedHessian(activations(), order, 0.01, kOneThread);
    benchmark::DoNotOptimize(qs::factorUpper(upper, kSide, kOneThread));
  }
}

void awqSearch(benchmark::State& state, bool fast) {
  const qs::LayerTask task{"layer", weights().view(), &activations()};
  const qs::QuantScheme scheme{.bits = 4, .groupSize = 128};
  const auto candidates = qs::awqCandidates({&task, 1}, scheme, false);
  for (auto _ : state) {
    const qs::InputMetric metric(activations(), kOneThread);
    benchmark::DoNotOptimize(qs::searchScale({&task, 1}, candidates, scheme, &metric, fast, kOneThread, 0.0).best);
  }
}

void awqProductsAlone(benchmark::State& state) {
  std::vector<float> out(kTokens * kSide);
  for (auto _ : state)
    for (int k = 0; k < qs::kAwqExponents; ++k)
      qs::multiplyTransposed({activations().sample.values().data(), kTokens, kSide, kSide},
                             {weights().values().data(), kSide, kSide, kSide}, {out.data(), kTokens, kSide, kSide});
}

void clipSearch(benchmark::State& state) {
  const qs::QuantScheme scheme{.bits = 4, .symmetric = true, .groupSize = 128};
  for (auto _ : state) {
    float sum = 0;
    for (std::size_t first = 0; first < kSide * kSide; first += 128)
      sum += qs::leastSquaresGrid(weights().values().subspan(first, 128), scheme, 20, 0.035F).scale;
    benchmark::DoNotOptimize(sum);
  }
}

void gramMatrix(benchmark::State& state) {
  const Matrix rows = noise(kGramTokens, kSide, 3);
  std::vector<double> gram(kSide * kSide, 0.0);
  for (auto _ : state) qs::addGramUpper(rows.view(), gram, kOneThread);
  state.counters["GFLOP/s"] = benchmark::Counter(static_cast<double>(kGramTokens * kSide * kSide) * 1e-9,
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

// What a symmetric update is measured against: the machine's rate of matrix products.
void matrixProduct(benchmark::State& state) {
  const Matrix a = noise(1024, kSide, 4);
  std::vector<float> out(1024 * 1024);
  for (auto _ : state)
    qs::multiplyTransposed({a.values().data(), 1024, kSide, kSide}, {a.values().data(), 1024, kSide, kSide},
                           {out.data(), 1024, 1024, 1024});
  state.counters["GFLOP/s"] =
      benchmark::Counter(2.0 * 1024 * 1024 * kSide * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(gptqOurs)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(gptqRightLooking)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(factorOnly)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(awqSearch, exact, false)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(awqSearch, fast, true)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(awqProductsAlone)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(clipSearch)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(gramMatrix)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK(matrixProduct)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

}  // namespace
