// Conversion between stored types, and GGUF's block encoders from F16 weights. Bytes are those of the F16 weights read.
#include "benchmarks/bench_data.h"
#include "core/kernels/block_encode.h"
#include "core/kernels/convert.h"

namespace qs::bench {

namespace {

constexpr std::size_t kCols = 4096;
constexpr std::size_t kRows = 512;

void encode(benchmark::State& state, DType type) {
  const std::vector<std::byte> halves = storedAs(DType::F16, bellShaped(kRows, kCols).values());
  std::vector<float> row(kCols);
  std::vector<std::byte> out(*byteSize(type, kCols));
  for (auto iteration : state) {
    for (std::size_t r = 0; r < kRows; ++r) {
      widenToFloat(DType::F16, std::span(halves).subspan(r * kCols * 2, kCols * 2), row);
      encodeBlocks(type, row, {}, out);
      benchmark::DoNotOptimize(out.data());
    }
  }
  count(state, {.bytes = 2.0 * kRows * kCols, .elements = 1.0 * kRows * kCols});
}

void widen(benchmark::State& state, DType type) {
  const std::vector<std::byte> stored = storedAs(type, bellShaped(kRows, kCols).values());
  std::vector<float> row(kCols);
  for (auto iteration : state)
    for (std::size_t r = 0; r < kRows; ++r) {
      widenToFloat(type, std::span(stored).subspan(r * kCols * 2, kCols * 2), row);
      benchmark::DoNotOptimize(row.data());
    }
  count(state, {.bytes = 2.0 * kRows * kCols, .elements = 1.0 * kRows * kCols});
}

void narrow(benchmark::State& state, DType type) {
  const Matrix values = bellShaped(kRows, kCols);
  std::vector<std::uint16_t> out(kCols);
  for (auto iteration : state)
    for (std::size_t r = 0; r < kRows; ++r) {
      (type == DType::F16 ? narrowToHalf : narrowToBfloat16)(values.row(r), out);
      benchmark::DoNotOptimize(out.data());
    }
  count(state, {.bytes = 4.0 * kRows * kCols, .elements = 1.0 * kRows * kCols});
}

}  // namespace

BENCHMARK_CAPTURE(widen, F16, DType::F16)->UseRealTime();
BENCHMARK_CAPTURE(widen, BF16, DType::BF16)->UseRealTime();
BENCHMARK_CAPTURE(narrow, F16, DType::F16)->UseRealTime();
BENCHMARK_CAPTURE(narrow, BF16, DType::BF16)->UseRealTime();
BENCHMARK_CAPTURE(encode, Q4_0, DType::Q4_0)->UseRealTime();
BENCHMARK_CAPTURE(encode, Q8_0, DType::Q8_0)->UseRealTime();
BENCHMARK_CAPTURE(encode, Q2_K, DType::Q2_K)->UseRealTime();
BENCHMARK_CAPTURE(encode, Q3_K, DType::Q3_K)->UseRealTime();
BENCHMARK_CAPTURE(encode, Q4_K, DType::Q4_K)->UseRealTime();
BENCHMARK_CAPTURE(encode, Q5_K, DType::Q5_K)->UseRealTime();
BENCHMARK_CAPTURE(encode, Q6_K, DType::Q6_K)->UseRealTime();

}  // namespace qs::bench
