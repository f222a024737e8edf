// Statistics of weights as they are stored: group ranges and moments in one pass, with the columns' abs-max, histograms
// of F32 values and of the raw bits of 16-bit types. Bytes are those of the stored weights.
#include "benchmarks/bench_data.h"
#include "core/base/parallel.h"
#include "core/kernels/histogram_count.h"
#include "core/kernels/raw_bit_counts.h"
#include "core/kernels/stored_rows.h"

namespace qs::bench {

namespace {

constexpr std::size_t kRows = 16384;
constexpr std::size_t kCols = 4096;
constexpr std::size_t kGroup = 128;
constexpr std::size_t kTaskRows = 64;

const std::vector<std::byte>& stored(DType type) {
  static std::vector<std::byte> bytes;
  static DType held = DType::U8;
  if (held != type) {
    bytes = storedAs(type, bellShaped(kRows, kCols).values());
    held = type;
  }
  return bytes;
}

void statistics(benchmark::State& state, DType type, bool columns) {
  const StoredRows rows{type, stored(type).data(), kRows, kCols};
  std::vector<RowStatistics> found(kRows / kTaskRows);
  std::vector<ValueSpan> groups(kRows * kCols / kGroup);
  onThreads(state, state.range(0), [&](const RunContext& context) {
    parallelFor(context, found.size(), [&](std::size_t task) {
      const std::size_t first = task * kTaskRows;
      const auto ranges = std::span(groups).subspan(first * kCols / kGroup, kTaskRows * kCols / kGroup);
      found[task] = describeRows(rows.middle(first, kTaskRows), columns, kGroup, ranges);
    });
    benchmark::DoNotOptimize(groups.data());
    benchmark::DoNotOptimize(found.data());
  });
  count(state, {.bytes = static_cast<double>(stored(type).size()), .elements = 1.0 * kRows * kCols});
}

void histogram(benchmark::State& state) {
  const auto* values = reinterpret_cast<const float*>(stored(DType::F32).data());
  std::vector<std::uint64_t> counts(256);
  for (auto iteration : state) {
    countValues({values, kRows * kCols}, -0.1, 0.1, counts);
    benchmark::DoNotOptimize(counts.data());
  }
  count(state, {.bytes = 4.0 * kRows * kCols, .elements = 1.0 * kRows * kCols});
}

void rawBits(benchmark::State& state, DType type) {
  const std::vector<std::byte>& bytes = stored(type);
  RawBitCounts counts;
  for (auto iteration : state) {
    counts.add(bytes);
    benchmark::DoNotOptimize(counts);
  }
  count(state, {.bytes = 2.0 * kRows * kCols, .elements = 1.0 * kRows * kCols});
}

void oneAndTwo(benchmark::internal::Benchmark* run) {
  run->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
}

}  // namespace

BENCHMARK_CAPTURE(statistics, F32, DType::F32, false)->Apply(oneAndTwo);
BENCHMARK_CAPTURE(statistics, F32_columns, DType::F32, true)->Apply(oneAndTwo);
BENCHMARK(histogram)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(statistics, F16, DType::F16, false)->Apply(oneAndTwo);
BENCHMARK_CAPTURE(statistics, F16_columns, DType::F16, true)->Apply(oneAndTwo);
BENCHMARK_CAPTURE(rawBits, F16, DType::F16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(statistics, BF16, DType::BF16, false)->Apply(oneAndTwo);
BENCHMARK_CAPTURE(statistics, BF16_columns, DType::BF16, true)->Apply(oneAndTwo);
BENCHMARK_CAPTURE(rawBits, BF16, DType::BF16)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace qs::bench
