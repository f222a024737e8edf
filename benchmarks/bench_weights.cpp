// What a preview of a layer does: ranges, codes, dequantized weights, statistics. Bytes are those of the F32 weights
// read.

#include <algorithm>
#include <cstdint>

#include "benchmarks/bench_data.h"
#include "core/base/parallel.h"
#include "core/kernels/dequantize.h"
#include "core/kernels/finite.h"
#include "core/kernels/round_pack.h"
#include "core/quant/method_registry.h"
#include "core/quant/uniform_grid.h"
#include "core/stats/weight_stats.h"

namespace {

using qs::Matrix;

// Made once a shape.
const Matrix& weightsOf(std::size_t rows, std::size_t cols) {
  static Matrix weights;
  if (weights.rows() != rows || weights.cols() != cols) weights = qs::bench::bellShaped(rows, cols);
  return weights;
}

// Runs `work(weights, context)` on range(0) threads over a [4096, range(1)] matrix.
template <typename Work>
void overMatrix(benchmark::State& state, const Work& work) {
  const Matrix& weights = weightsOf(4096, static_cast<std::size_t>(state.range(1)));
  qs::bench::onThreads(state, state.range(0), [&](const qs::RunContext& context) { work(weights, context); });
  const auto elements = static_cast<double>(weights.values().size());
  qs::bench::count(state, {.bytes = 4 * elements, .elements = elements});
}

// Where 4-bit codes, grids and error sums of a matrix go; the row is the task.
struct PackedRounding {
  PackedRounding() : packed(kRows * kCols / 2), grids(kRows * kGroups), errors(kRows) {}
  static constexpr std::size_t kRows = 16384;
  static constexpr std::size_t kCols = 4096;
  static constexpr std::size_t kGroup = 128;
  static constexpr std::size_t kGroups = kCols / kGroup;
  std::vector<std::uint8_t> packed;
  std::vector<qs::UnitGrid> grids;
  std::vector<qs::RoundingErrors> errors;

  template <typename Row>
  void run(benchmark::State& state, const Row& row) {
    const Matrix& weights = weightsOf(kRows, kCols);
    constexpr std::size_t kTask = 32;
    qs::bench::onThreads(state, state.range(0), [&](const qs::RunContext& context) {
      qs::parallelFor(context, kRows / kTask, [&](std::size_t task) {
        for (std::size_t r = task * kTask; r < (task + 1) * kTask; ++r)
          errors[r] = row(weights.row(r), std::span(packed).subspan(r * kCols / 2, kCols / 2),
                          std::span(grids).subspan(r * kGroups, kGroups));
      });
      benchmark::DoNotOptimize(packed.data());
    });
    qs::bench::count(state, {.bytes = 4.0 * kRows * kCols, .elements = 1.0 * kRows * kCols});
  }
};

void roundAndPack(benchmark::State& state) {
  PackedRounding().run(state,
                       [](std::span<const float> row, std::span<std::uint8_t> packed, std::span<qs::UnitGrid> grids) {
                         return qs::roundAndPack(row, PackedRounding::kGroup, {}, packed, grids);
                       });
}

// The same by the plain definition, one value after another: what the vectors are measured against.
void roundAndPackPlain(benchmark::State& state) {
  const qs::QuantScheme scheme;
  const qs::CodeLimits limits = qs::codeLimits(scheme);
  PackedRounding().run(
      state, [&](std::span<const float> row, std::span<std::uint8_t> packed, std::span<qs::UnitGrid> grids) {
        qs::RoundingErrors errors;
        for (std::size_t g = 0; g < grids.size(); ++g) {
          const auto group = row.subspan(g * PackedRounding::kGroup, PackedRounding::kGroup);
          const auto [low, high] = std::minmax_element(group.begin(), group.end());
          grids[g] = qs::gridOfRange({*low, *high}, scheme);
          for (std::size_t j = 0; j < group.size(); ++j) {
            const float code = qs::codeOf(group[j], grids[g], limits);
            const auto x = static_cast<double>(group[j]);
            const auto y = static_cast<double>(qs::valueOf(code, grids[g]));
            errors.squaredError += (y - x) * (y - x);
            errors.squares += x * x;
            errors.product += x * y;
            std::uint8_t& byte = packed[(g * group.size() + j) / 2];
            byte = static_cast<std::uint8_t>(j % 2 == 0 ? qs::storedCode(code) : byte | qs::storedCode(code) << 4U);
          }
        }
        return errors;
      });
}

void rtn(benchmark::State& state) {
  overMatrix(state, [](const Matrix& weights, const qs::RunContext& context) {
    benchmark::DoNotOptimize(qs::quantizeUniform(weights.view(), {}, false, context));
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
  const qs::QuantizedTensor tensor = qs::quantizeUniform(weights.view(), {}, false, {});
  const qs::WeightDescription description = qs::describeWeights(weights.view(), {});
  overMatrix(state, [&](const Matrix&, const qs::RunContext& context) {
    qs::ComparisonMaps maps;
    benchmark::DoNotOptimize(qs::compareWeights(weights.view(), tensor, description, 128, context, &maps));
  });
}

void finite(benchmark::State& state) {
  overMatrix(state, [](const Matrix& weights, const qs::RunContext& context) {
    qs::requireFinite("weights", weights.view(), context);
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

BENCHMARK(roundAndPack)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(roundAndPackPlain)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
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
