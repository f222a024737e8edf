#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/tensor/dtype.h"
#include "core/tensor/matrix.h"

namespace qs::bench {

/// Reproducible bell-shaped weights, standard deviation about 0.03.
[[nodiscard]] Matrix bellShaped(std::size_t rows, std::size_t cols, std::uint64_t seed = 1);

/// The values as they are stored in F32, F16 or BF16.
[[nodiscard]] std::vector<std::byte> storedAs(DType type, std::span<const float> values);

/// What one iteration does, for the counters: rates show as bytes_per_second, items_per_second and flop_per_second.
struct Work {
  double bytes = 0;     ///< read and written, each once
  double elements = 0;  ///< weights
  double flop = 0;
};
void count(benchmark::State& state, const Work& work);

/// The benchmark's loop in a worker arena of `threads` threads.
void onThreads(benchmark::State& state, std::int64_t threads, const std::function<void(const RunContext&)>& body);

}  // namespace qs::bench
