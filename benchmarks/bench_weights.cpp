// What a preview of a layer does: ranges, codes, dequantized weights, statistics. Bytes are those of the F32 weights
// read.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "core/base/parallel.h"
#include "core/kernels/dequantize.h"
#include "core/kernels/finite.h"
#include "core/kernels/grid_simd.h"
#include "core/kernels/histogram_count.h"
#include "core/kernels/stats_simd.h"
#include "core/quant/method_registry.h"
#include "core/quant/uniform_grid.h"
#include "core/stats/weight_stats.h"

namespace {

using qs::Matrix;

// Bell-shaped weights; made once a shape.
const Matrix& weightsOf(std::size_t rows, std::size_t cols) {
  static Matrix weights;
  if (weights.rows() == rows && weights.cols() == cols) return weights;
  weights = Matrix(rows, cols);
  std::uint64_t state = 0x9E3779B97F4A7C15ULL;
  for (float& value : weights.values()) {
    float sum = -2.0F;
    for (int i = 0; i < 4; ++i) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      sum += static_cast<float>(state >> 40U) * 0x1.0p-24F;
    }
    value = 0.05F * sum;
  }
  return weights;
}

void countBytes(benchmark::State& state, const Matrix& weights) {
  const auto elements = static_cast<std::int64_t>(weights.rows() * weights.cols());
  state.SetBytesProcessed(state.iterations() * elements * 4);
  state.SetItemsProcessed(state.iterations() * elements);
}

// Runs `work(weights, context)` on range(0) threads over a [4096, range(1)] matrix.
template <typename Work>
void overMatrix(benchmark::State& state, const Work& work) {
  const Matrix& weights = weightsOf(4096, static_cast<std::size_t>(state.range(1)));
  const qs::RunContext context{.threads = static_cast<int>(state.range(0))};
  qs::inWorkerArena(
      context,
      [&] {
        for (auto iteration : state) work(weights, context);
      },
      qs::WorkerPriority::Normal);
  countBytes(state, weights);
}

void rtn(benchmark::State& state) {
  overMatrix(state, [](const Matrix& weights, const qs::RunContext& context) {
    benchmark::DoNotOptimize(qs::quantizeUniform(weights.view(), {}, false, context));
  });
}

// The same by the plain definition, one value after another: what the vectors are measured against.
void rtnPlain(benchmark::State& state) {
  overMatrix(state, [](const Matrix& weights, const qs::RunContext&) {
    const qs::QuantScheme scheme;
    const qs::CodeLimits limits = qs::codeLimits(scheme);
    qs::QuantizedTensor tensor = qs::emptyTensor(scheme, weights.rows(), weights.cols());
    for (std::size_t i = 0; i < tensor.scales.size(); ++i) {
      const auto group = weights.values().subspan(i * 128, 128);
      float low = 0;
      float high = 0;
      for (const float value : group) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
      const qs::UnitGrid grid = qs::gridOfRange({low, high}, scheme);
      for (std::size_t k = 0; k < 128; ++k)
        tensor.codes[i * 128 + k] = qs::storedCode(qs::codeOf(group[k], grid, limits));
      tensor.scales[i] = grid.scale;
      tensor.zeroPoints[i] = grid.zero;
    }
    benchmark::DoNotOptimize(tensor);
  });
}

void rtnShrunkRanges(benchmark::State& state) {
  overMatrix(state, [](const Matrix& weights, const qs::RunContext& context) {
    benchmark::DoNotOptimize(qs::quantizeUniform(weights.view(), {}, true, context));
  });
}

void dequantize(benchmark::State& state) {
  const Matrix& weights = weightsOf(4096, static_cast<std::size_t>(state.range(1)));
  const qs::QuantizedTensor tensor = qs::quantizeUniform(weights.view(), {}, false, {});
  Matrix out(tensor.rows, tensor.cols);
  overMatrix(state, [&](const Matrix&, const qs::RunContext& context) {
    qs::dequantizeMatrix(tensor, out.span(), context);
    benchmark::DoNotOptimize(out.values().data());
  });
}

void describe(benchmark::State& state) {
  overMatrix(state, [](const Matrix& weights, const qs::RunContext& context) {
    benchmark::DoNotOptimize(qs::describeWeights(weights.view(), context));
  });
}

void compare(benchmark::State& state) {
  const Matrix& weights = weightsOf(4096, static_cast<std::size_t>(state.range(1)));
  const Matrix back = qs::dequantize(qs::quantizeUniform(weights.view(), {}, false, {}));
  const qs::WeightDescription description = qs::describeWeights(weights.view(), {});
  overMatrix(state, [&](const Matrix&, const qs::RunContext& context) {
    benchmark::DoNotOptimize(qs::compareWeights(weights.view(), back.view(), description, 128, context));
  });
}

void finite(benchmark::State& state) {
  overMatrix(state, [](const Matrix& weights, const qs::RunContext& context) {
    qs::requireFinite("weights", weights.view(), context);
  });
}

void ranges(benchmark::State& state) {
  overMatrix(state, [](const Matrix& weights, const qs::RunContext&) {
    for (std::size_t i = 0; i < weights.values().size(); i += 128)
      benchmark::DoNotOptimize(qs::rangeOf(weights.values().subspan(i, 128)));
  });
}

void histogram(benchmark::State& state) {
  std::vector<std::uint64_t> counts(256);
  overMatrix(state, [&](const Matrix& weights, const qs::RunContext&) {
    qs::countValues(weights.values(), -0.1, 0.1, counts);
    benchmark::DoNotOptimize(counts.data());
  });
}

// A whole method with its defaults, those without calibration.
void method(benchmark::State& state, const std::string& id) {
  const qs::MethodInfo& info = qs::requireMethod(id);
  const qs::Settings settings = qs::resolveSettings(info, {});
  overMatrix(state, [&](const Matrix& weights, const qs::RunContext& context) {
    const qs::LayerTask task{.name = "layer", .weights = weights.view()};
    benchmark::DoNotOptimize(info.quantize({&task, 1}, settings, {}, context));
  });
}

void onBothShapes(benchmark::internal::Benchmark* run) {
  run->ArgNames({"threads", "in"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int cols : {4096, 11008})
    for (const int threads : {1, 2}) run->Args({threads, cols});
}

void oneThread(benchmark::internal::Benchmark* run) {
  run->ArgNames({"threads", "in"})->Unit(benchmark::kMillisecond)->UseRealTime()->Args({1, 4096});
}

}  // namespace

BENCHMARK(ranges)->Apply(oneThread);
BENCHMARK(histogram)->Apply(oneThread);
BENCHMARK(rtnPlain)->Apply(oneThread);
BENCHMARK(rtnShrunkRanges)->Apply(oneThread);
BENCHMARK(finite)->Apply(onBothShapes);
BENCHMARK(rtn)->Apply(onBothShapes);
BENCHMARK(dequantize)->Apply(onBothShapes);
BENCHMARK(describe)->Apply(onBothShapes);
BENCHMARK(compare)->Apply(onBothShapes);
BENCHMARK_CAPTURE(method, nf4, "nf4")->Apply(oneThread);
BENCHMARK_CAPTURE(method, mxfp4, "mxfp4")->Apply(oneThread);
BENCHMARK_CAPTURE(method, fp8, "fp8-e4m3")->Apply(oneThread);
BENCHMARK_CAPTURE(method, hqq, "hqq")->Apply(oneThread);
