// One block of a model of hidden size 4096 (32 heads, an MLP of 11008) over a window of tokens, through the runner that
// calibration and evaluation use; the weights are in memory.
#include <map>

#include "benchmarks/bench_data.h"
#include "core/model/runner/transformer_runner.h"

namespace qs::bench {

namespace {

constexpr std::size_t kHidden = 4096;
constexpr std::size_t kMiddle = 11008;
constexpr std::size_t kHeads = 32;

class RandomWeights : public WeightProvider {
 public:
  explicit RandomWeights(const ArchitectureSpec& spec) {
    for (const LinearSpec& linear : allLinears(spec))
      m_linears.emplace(linear.name, std::make_shared<const Matrix>(bellShaped(linear.out, linear.in)));
  }
  [[nodiscard]] std::shared_ptr<const Matrix> linear(const LinearSpec& linear, const RunContext&) const override {
    return m_linears.at(linear.name);
  }
  void headRows(std::size_t, MatrixSpan) const override {}
  [[nodiscard]] std::vector<float> vector(const std::string&) const override {
    return std::vector<float>(kHidden, 1.0F);
  }
  void tableRow(const std::string&, std::size_t, std::span<float>) const override {}

 private:
  std::map<std::string, std::shared_ptr<const Matrix>> m_linears;
};

LinearSpec linear(const std::string& name, std::size_t out, std::size_t in) {
  return {.name = name, .out = out, .in = in, .bias = false, .transposed = false};
}

ArchitectureSpec oneBlock() {
  BlockSpec block;
  block.name = "block";
  block.attentionNorm = {.kind = NormKind::Rms, .name = "norm", .size = kHidden};
  block.mlpNorm = block.attentionNorm;
  for (const char* name : {"q", "k", "v"}) block.attention.inputs.push_back(linear(name, kHidden, kHidden));
  block.attention.output = linear("o", kHidden, kHidden);
  block.attention.scoreScale = 0.088;
  for (const char* name : {"gate", "up"}) block.mlp.inputs.push_back(linear(name, kMiddle, kHidden));
  block.mlp.down = linear("down", kHidden, kMiddle);
  ArchitectureSpec spec;
  spec.hiddenSize = kHidden;
  spec.intermediateSize = kMiddle;
  spec.heads = spec.kvHeads = kHeads;
  spec.headDim = kHidden / kHeads;
  spec.contextLength = 4096;
  spec.blocks.push_back(std::move(block));
  spec.tiedHead = true;
  return spec;
}

void forwardBlock(benchmark::State& state) {
  static const ArchitectureSpec spec = oneBlock();
  static const RandomWeights weights(spec);
  const TransformerRunner runner(spec, weights);
  const auto tokens = static_cast<std::size_t>(state.range(0));
  const Matrix start = bellShaped(tokens, kHidden, 2);
  Matrix states = start;
  onThreads(state, state.range(1), [&](const RunContext& context) {
    std::copy(start.values().begin(), start.values().end(), states.values().begin());
    runner.runBlock(0, states.span(), tokens, context);
  });
  const auto rows = static_cast<double>(tokens);
  const double linears = 2.0 * rows * (4.0 * kHidden * kHidden + 3.0 * kHidden * kMiddle);
  count(state, {.elements = rows, .flop = linears + 2.0 * rows * rows * kHidden});
}

}  // namespace

BENCHMARK(forwardBlock)
    ->ArgNames({"tokens", "threads"})
    ->Args({512, 1})
    ->Args({512, 2})
    ->Args({1024, 2})
    ->Args({2048, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace qs::bench
