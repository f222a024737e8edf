// What the machine can do at most: reading memory, and multiply-adds in F32, at 1 and 2 threads. Every other figure is
// read as a share of these.
#include <algorithm>

#include "benchmarks/bench_data.h"
#include "core/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benchmarks/bench_roofline.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace qs::bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

std::uint64_t readAll(const std::uint64_t* data, std::size_t count) {
  const hn::ScalableTag<std::uint64_t> d;
  const std::size_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d);
  auto b = a;
  auto c = a;
  auto e = a;
  for (std::size_t i = 0; i + 4 * lanes <= count; i += 4 * lanes) {
    a = hn::Xor(a, hn::LoadU(d, data + i));
    b = hn::Xor(b, hn::LoadU(d, data + i + lanes));
    c = hn::Xor(c, hn::LoadU(d, data + i + 2 * lanes));
    e = hn::Xor(e, hn::LoadU(d, data + i + 3 * lanes));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Xor(hn::Xor(a, b), hn::Xor(c, e))));
}

// `rounds` times twelve independent vectors; returns the floating-point operations.
double multiplyAdds(std::size_t rounds, float start, float* out) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, start);
  auto v0 = hn::Set(d, 0.1F);
  auto v1 = hn::Set(d, 0.2F);
  auto v2 = hn::Set(d, 0.3F);
  auto v3 = hn::Set(d, 0.4F);
  auto v4 = hn::Set(d, 0.5F);
  auto v5 = hn::Set(d, 0.6F);
  auto v6 = hn::Set(d, 0.7F);
  auto v7 = hn::Set(d, 0.8F);
  auto v8 = hn::Set(d, 0.9F);
  auto v9 = hn::Set(d, 1.1F);
  auto v10 = hn::Set(d, 1.2F);
  auto v11 = hn::Set(d, 1.3F);
  for (std::size_t i = 0; i < rounds; ++i) {
    v0 = hn::MulAdd(v0, factor, factor);
    v1 = hn::MulAdd(v1, factor, factor);
    v2 = hn::MulAdd(v2, factor, factor);
    v3 = hn::MulAdd(v3, factor, factor);
    v4 = hn::MulAdd(v4, factor, factor);
    v5 = hn::MulAdd(v5, factor, factor);
    v6 = hn::MulAdd(v6, factor, factor);
    v7 = hn::MulAdd(v7, factor, factor);
    v8 = hn::MulAdd(v8, factor, factor);
    v9 = hn::MulAdd(v9, factor, factor);
    v10 = hn::MulAdd(v10, factor, factor);
    v11 = hn::MulAdd(v11, factor, factor);
  }
  const auto sum =
      hn::Add(hn::Add(hn::Add(hn::Add(v0, v1), hn::Add(v2, v3)), hn::Add(hn::Add(v4, v5), hn::Add(v6, v7))),
              hn::Add(hn::Add(v8, v9), hn::Add(v10, v11)));
  *out = hn::GetLane(hn::SumOfLanes(d, sum));
  return 2.0 * 12.0 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

}  // namespace qs::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qs::bench {

HWY_EXPORT(readAll);
HWY_EXPORT(multiplyAdds);

namespace {

constexpr std::size_t kBytes = std::size_t{1} << 29U;  // far beyond any cache
constexpr std::size_t kChunk = std::size_t{1} << 20U;
constexpr std::size_t kRounds = 1'000'000;

void readBandwidth(benchmark::State& state) {
  static const std::vector<std::uint64_t> data(kBytes / 8, 3);
  std::vector<std::uint64_t> found(kBytes / kChunk);
  onThreads(state, state.range(0), [&](const RunContext& context) {
    parallelFor(context, found.size(), [&](std::size_t chunk) {
      found[chunk] = HWY_DYNAMIC_DISPATCH(readAll)(data.data() + chunk * kChunk / 8, kChunk / 8);
    });
    benchmark::DoNotOptimize(found.data());
  });
  count(state, {.bytes = kBytes});
}

void multiplyAdd(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  std::vector<float> out(threads);
  double flop = 0;
  onThreads(state, state.range(0), [&](const RunContext& context) {
    std::vector<double> done(threads);
    parallelFor(context, threads,
                [&](std::size_t i) { done[i] = HWY_DYNAMIC_DISPATCH(multiplyAdds)(kRounds, 0.5F, &out[i]); });
    flop = done[0] * static_cast<double>(threads);
    benchmark::DoNotOptimize(out.data());
  });
  count(state, {.flop = flop});
}

}  // namespace

BENCHMARK(readBandwidth)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(multiplyAdd)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace qs::bench
#endif
