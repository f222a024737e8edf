#include "benchmarks/bench_data.h"

#include <cstring>

#include "core/base/parallel.h"
#include "core/kernels/convert.h"

namespace qs::bench {

Matrix bellShaped(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Matrix matrix(rows, cols);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (float& value : matrix.values()) {
    float sum = -2.0F;
    for (int i = 0; i < 4; ++i) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      sum += static_cast<float>(state >> 40U) * 0x1.0p-24F;
    }
    value = 0.05F * sum;
  }
  return matrix;
}

std::vector<std::byte> storedAs(DType type, std::span<const float> values) {
  std::vector<std::byte> bytes(*byteSize(type, values.size()));
  if (type == DType::F32) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }
  std::vector<std::uint16_t> halves(values.size());
  if (type == DType::F16)
    narrowToHalf(values, halves);
  else
    narrowToBfloat16(values, halves);
  std::memcpy(bytes.data(), halves.data(), bytes.size());
  return bytes;
}

void count(benchmark::State& state, const Work& work) {
  const auto rate = [&](double perIteration) {
    return benchmark::Counter(perIteration, benchmark::Counter::kIsIterationInvariantRate);
  };
  if (work.bytes > 0) state.counters["bytes_per_second"] = rate(work.bytes);
  if (work.elements > 0) state.counters["items_per_second"] = rate(work.elements);
  if (work.flop > 0) state.counters["flop_per_second"] = rate(work.flop);
}

void onThreads(benchmark::State& state, std::int64_t threads, const std::function<void(const RunContext&)>& body) {
  const RunContext context{.threads = static_cast<int>(threads), .priority = WorkerPriority::Normal};
  inWorkerArena(context, [&] {
    for (auto iteration : state) body(context);
  });
}

}  // namespace qs::bench
