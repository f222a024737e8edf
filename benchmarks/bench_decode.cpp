// One token's products y = W·x from memory: weights are rotated through at least four times the last-level cache, the
// formats interleaved, all in one measurement, so that their ratio is of the same minute.
#include "benchmarks/bench_data.h"
#include "core/base/parallel.h"
#include "core/kernels/decode_benchmark.h"

namespace qs::bench {

namespace {

constexpr int kRepeats = 15;

// One iteration is the whole measurement; its medians are the counters.
void decode(benchmark::State& state, std::size_t rows, std::size_t cols) {
  const std::vector<DecodeShape> shapes{{rows, cols, 1}};
  const std::vector<DecodeVariant> variants{{DecodeFormat::Int4, 128}, {DecodeFormat::Int8, 0}};
  std::vector<DecodeTiming> timings;
  onThreads(state, state.range(0),
            [&](const RunContext& context) { timings = measureDecode(shapes, variants, kRepeats, context); });
  const DecodeTiming& f16 = timings[0];
  const DecodeTiming& int4 = timings[1];
  const DecodeTiming& int8 = timings[2];
  state.counters["int4_bytes_per_second"] = int4.bytesPerToken / int4.medianSeconds;
  state.counters["int8_bytes_per_second"] = int8.bytesPerToken / int8.medianSeconds;
  state.counters["f16_bytes_per_second"] = f16.bytesPerToken / f16.medianSeconds;
  state.counters["int4_times_f16"] = f16.medianSeconds / int4.medianSeconds;
}

}  // namespace

BENCHMARK_CAPTURE(decode, 4096x4096, 4096, 4096)
    ->Arg(1)
    ->Arg(2)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(decode, 11008x4096, 11008, 4096)
    ->Arg(1)
    ->Arg(2)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace qs::bench
