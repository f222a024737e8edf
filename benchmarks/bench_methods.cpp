// GPTQ, AWQ, clip search and the Gram matrix on a layer of 4096×4096, one thread, each beside a plain form of the
// published algorithm or the bare matrix products, so that the ratio says something on any machine.
#include <cblas.h>

#include "benchmarks/bench_data.h"

#include "core/base/blas_threads.h"
#include "core/kernels/clip_search.h"
#include "core/kernels/gptq_rows.h"
#include "core/kernels/gram.h"
#include "core/kernels/matmul.h"
#include "core/kernels/triangular.h"
#include "core/quant/awq_search.h"
#include "core/quant/gptq_hessian.h"
#include "core/quant/uniform_grid.h"

extern "C" {  // OpenBLAS's LAPACK, which Debian gives no header without another package
void dpotrf_(const char* triangle, const int* size, double* matrix, const int* stride, int* failed);
void dpotri_(const char* triangle, const int* size, double* matrix, const int* stride, int* failed);
}

namespace {

using qs::Matrix;

constexpr std::size_t kSide = 4096;
constexpr std::size_t kTokens = 512;
constexpr std::size_t kGramTokens = 2048;
constexpr int kBlock = 128;
constexpr double kElements = 1.0 * kSide * kSide;
constexpr double kFactorFlop = kElements * kSide / 3;
constexpr double kGptqFlop = kElements * kSide + kFactorFlop;
constexpr double kAwqFlop = 2.0 * qs::kAwqExponents * kTokens * kElements;

const Matrix& weights() {
  static const Matrix matrix = qs::bench::bellShaped(kSide, kSide, 1);
  return matrix;
}

// Calibration of 512 tokens whose Gram matrix is well conditioned (the damping does the rest).
const qs::ActivationStats& activations() {
  static const qs::ActivationStats stats = [] {
    qs::useOneBlasThread();
    qs::ActivationStats made{.channels = kSide, .tokens = kTokens, .sample = qs::bench::bellShaped(kTokens, kSide, 2)};
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

// The loop of a benchmark with every task on its thread.
void onOneThread(benchmark::State& state, const std::function<void(const qs::RunContext&)>& body) {
  qs::bench::onThreads(state, 1, body);
}

void gptqOurs(benchmark::State& state) {
  const qs::QuantScheme scheme{.bits = 4, .groupSize = 128};
  const auto order = qs::columnOrder(activations(), false);
  static_cast<void>(weights());
  onOneThread(state, [&](const qs::RunContext& context) {
    std::vector<double> upper = qs::dampedHessian(activations(), order, 0.01, context);
    if (!qs::factorUpper(upper, kSide, context)) state.SkipWithError("not positive definite");
    const qs::GptqFactor<float> factor(upper, kSide, kBlock, context);
    qs::QuantizedTensor tensor = qs::emptyTensor(scheme, kSide, kSide);
    benchmark::DoNotOptimize(qs::gptqAllRows(qs::GptqProblem{weights().view(), order, {}}, factor, tensor, context));
  });
  qs::bench::count(state, {.elements = kElements, .flop = kGptqFlop});
}

// The published order of work: right-looking over blocks of 128 columns, all rows at once, column by column inside a
// block, then the lazy update of everything to the right; groups from the current weights.
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

// U = R⁻¹ of H⁻¹ = UᵀU from our factor of H, a block column at a time: less work than as published.
std::vector<float> inverseOfFactor(std::vector<double> upper, const qs::RunContext& context) {
  if (!qs::factorUpper(upper, kSide, context)) return {};
  std::vector<double> inverse(kSide * kSide, 0.0);
  for (std::size_t i = 0; i < kSide; ++i) inverse[i * kSide + i] = 1.0;
  for (std::size_t col = 0; col < kSide; col += 256)
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, static_cast<blasint>(col + 256), 256,
                1.0, upper.data(), kSide, inverse.data() + col, kSide);
  return {inverse.begin(), inverse.end()};
}

// U as published: the Cholesky factor of H, H⁻¹ from it, and the factor of that. LAPACK's lower triangle by columns is
// our upper one by rows.
std::vector<float> factorOfInverse(std::vector<double> square, const qs::RunContext& /*context*/) {
  constexpr int kSize = kSide;
  int failed = 0;
  for (const auto step : {dpotrf_, dpotri_, dpotrf_}) {
    step("L", &kSize, square.data(), &kSize, &failed);
    if (failed != 0) return {};
  }
  return {square.begin(), square.end()};
}

using FindFactor = std::vector<float> (*)(std::vector<double>, const qs::RunContext&);

void gptqRightLooking(benchmark::State& state, FindFactor findFactor) {
  const qs::QuantScheme scheme{.bits = 4, .groupSize = 128};
  const auto order = qs::columnOrder(activations(), false);
  onOneThread(state, [&](const qs::RunContext& context) {
    RightLooking run{Matrix(kSide, kSide), std::vector<float>(kBlock * kSide),
                     findFactor(qs::dampedHessian(activations(), order, 0.01, context), context),
                     std::vector<qs::UnitGrid>(kSide)};
    if (run.inverse.empty()) return state.SkipWithError("not positive definite");
    for (std::size_t r = 0; r < kSide; ++r)
      for (std::size_t c = 0; c < kSide; ++c) run.w(c, r) = weights()(r, c);
    for (std::size_t first = 0; first < kSide; first += kBlock) run.block(first, scheme);
    benchmark::DoNotOptimize(run.w.values().data());
  });
  qs::bench::count(state, {.elements = kElements, .flop = kGptqFlop});
}

void factorOnly(benchmark::State& state) {
  const auto order = qs::columnOrder(activations(), false);
  onOneThread(state, [&](const qs::RunContext& context) {
    std::vector<double> upper = qs::dampedHessian(activations(), order, 0.01, context);
    benchmark::DoNotOptimize(qs::factorUpper(upper, kSide, context));
  });
  qs::bench::count(state, {.flop = kFactorFlop});
}

void awqSearch(benchmark::State& state, bool fast) {
  const qs::LayerTask task{"layer", weights().view(), &activations()};
  const qs::QuantScheme scheme{.bits = 4, .groupSize = 128};
  const auto candidates = qs::awqCandidates({&task, 1}, scheme, false);
  onOneThread(state, [&](const qs::RunContext& context) {
    const qs::InputMetric metric(activations(), context);
    benchmark::DoNotOptimize(qs::searchScale({&task, 1}, candidates, scheme, &metric, fast, context, 0.0).best);
  });
  qs::bench::count(state, {.elements = kElements * qs::kAwqExponents, .flop = kAwqFlop});
}

// The 20 products of a search, in the tiles in which our runner multiplies.
void awqProductsAlone(benchmark::State& state) {
  constexpr std::size_t kTile = 512;
  std::vector<float> out(kTokens * kTile);
  const Matrix& rows = activations().sample;
  onOneThread(state, [&](const qs::RunContext&) {
    for (int k = 0; k < qs::kAwqExponents; ++k)
      for (std::size_t first = 0; first < kSide; first += kTile)
        qs::multiplyTransposed({rows.values().data(), kTokens, kSide, kSide},
                               {weights().row(first).data(), kTile, kSide, kSide}, {out.data(), kTokens, kTile, kTile});
  });
  qs::bench::count(state, {.flop = kAwqFlop});
}

void clipSearch(benchmark::State& state) {
  const qs::QuantScheme scheme{.bits = 4, .symmetric = state.range(1) != 0, .groupSize = 128};
  const auto candidates = static_cast<int>(state.range(0));
  onOneThread(state, [&](const qs::RunContext&) {
    float sum = 0;
    for (std::size_t first = 0; first < kSide * kSide; first += 128)
      sum += qs::leastSquaresGrid(weights().values().subspan(first, 128), scheme, candidates, 0.7F / 100.0F).scale;
    benchmark::DoNotOptimize(sum);
  });
  qs::bench::count(state, {.elements = kElements * candidates});
}

void gramMatrix(benchmark::State& state) {
  const Matrix rows = qs::bench::bellShaped(kGramTokens, kSide, 3);
  std::vector<double> gram(kSide * kSide, 0.0);
  qs::bench::onThreads(state, state.range(0),
                       [&](const qs::RunContext& context) { qs::addGramUpper(rows.view(), gram, context); });
  qs::bench::count(state, {.flop = 1.0 * kGramTokens * kSide * kSide});
}

void onOneAndTwo(benchmark::internal::Benchmark* run) {
  run->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK(gptqOurs)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(gptqRightLooking, sameFactor, inverseOfFactor)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(gptqRightLooking, threeSteps, factorOfInverse)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(factorOnly)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(awqSearch, exact, false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(awqSearch, fast, true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(awqProductsAlone)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(clipSearch)->Args({20, 1})->Args({100, 1})->Args({100, 0})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(gramMatrix)->Apply(onOneAndTwo);

}  // namespace
