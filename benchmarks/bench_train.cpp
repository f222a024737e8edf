// Steps of training a model of hidden size 1024 behind fake quantizers, whole: forward, backward, optimizer and
// quantizing anew. Work is counted as 6 · parameters · tokens, 2 more where blocks are computed anew; attention, the
// teacher's head and everything else take time and count nothing.
#include <cmath>
#include <map>

#include "benchmarks/bench_data.h"
#include "core/model/runner/transformer_runner.h"
#include "core/quant/uniform_grid.h"
#include "core/train/load_training_model.h"
#include "core/train/model_task.h"
#include "core/train/parameter_set.h"
#include "core/train/teacher.h"

namespace qs::bench {

namespace {

constexpr std::size_t kHidden = 1024;
constexpr std::size_t kMiddle = 2816;
constexpr std::size_t kHeads = 16;
constexpr std::size_t kKeyHeads = 4;
constexpr std::size_t kHeadDim = 64;
constexpr std::size_t kVocabulary = 4096;
constexpr std::size_t kBlocks = 2;
constexpr std::size_t kWindow = 256;
constexpr std::size_t kBatch = 8;

class RandomWeights : public WeightProvider {
 public:
  [[nodiscard]] std::shared_ptr<const Matrix> linear(const LinearSpec& linear, const RunContext&) const override {
    return std::make_shared<const Matrix>(bellShaped(linear.out, linear.in, linear.name.size()));
  }
  void headRows(std::size_t first, MatrixSpan out) const override {
    std::copy_n(m_table.row(first).begin(), out.rows * out.cols, out.data);
  }
  [[nodiscard]] std::vector<float> vector(const std::string&) const override {
    return std::vector<float>(kHidden, 1.0F);
  }
  void tableRow(const std::string&, std::size_t row, std::span<float> out) const override {
    std::copy_n(m_table.row(row).begin(), out.size(), out.begin());
  }

 private:
  Matrix m_table = bellShaped(kVocabulary, kHidden, 3);
};

LinearSpec linear(std::string name, std::size_t out, std::size_t in) {
  return {.name = std::move(name), .out = out, .in = in};
}

BlockSpec block(const std::string& name) {
  BlockSpec spec{.name = name};
  spec.attentionNorm = {.kind = NormKind::Rms, .name = name + ".norm", .size = kHidden};
  spec.mlpNorm = {.kind = NormKind::Rms, .name = name + ".mlp_norm", .size = kHidden};
  spec.attention.inputs = {linear(name + ".q", kHeads * kHeadDim, kHidden),
                           linear(name + ".k", kKeyHeads * kHeadDim, kHidden),
                           linear(name + ".v", kKeyHeads * kHeadDim, kHidden)};
  spec.attention.output = linear(name + ".o", kHidden, kHeads * kHeadDim);
  spec.attention.scoreScale = 0.125;
  spec.mlp.inputs = {linear(name + ".gate", kMiddle, kHidden), linear(name + ".up", kMiddle, kHidden)};
  spec.mlp.down = linear(name + ".down", kHidden, kMiddle);
  return spec;
}

ArchitectureSpec architecture() {
  ArchitectureSpec spec;
  spec.vocabSize = kVocabulary;
  spec.hiddenSize = spec.embeddingDim = kHidden;
  spec.intermediateSize = kMiddle;
  spec.heads = kHeads;
  spec.kvHeads = kKeyHeads;
  spec.headDim = kHeadDim;
  spec.contextLength = kWindow;
  spec.embedding = "embedding";
  spec.rope = RopeSpec{.dims = kHeadDim};
  for (std::size_t i = 0; i < kHeadDim / 2; ++i)
    spec.rope->frequencies.push_back(std::pow(10000.0, -2.0 * static_cast<double>(i) / kHeadDim));
  for (std::size_t i = 0; i < kBlocks; ++i) spec.blocks.push_back(block("block." + std::to_string(i)));
  spec.finalNorm = {.kind = NormKind::Rms, .name = "norm", .size = kHidden};
  spec.head = linear("embedding", kVocabulary, kHidden);
  spec.tiedHead = true;
  return spec;
}

TokenWindows randomWindows() {
  TokenWindows windows{.length = kWindow, .windowSize = kWindow};
  std::uint32_t state = 7;
  for (std::size_t i = 0; i < kBatch * kWindow; ++i) {
    state = state * 1664525U + 1013904223U;
    windows.inputs.push_back(static_cast<int>(state >> 20U));
  }
  windows.targets.assign(windows.inputs.begin() + 1, windows.inputs.end());
  windows.targets.push_back(-1);
  return windows;
}

struct Training {
  explicit Training(const RunContext& context) {
    for (const LinearSpec& linear : allLinears(spec)) {
      linearWeights += linear.out * linear.in;
      const auto values = weights.linear(linear, context);
      start.emplace(linear.name,
                    quantizeUniform(values->view(), QuantScheme{.bits = 4, .groupSize = 128}, false, context));
    }
    parameters.emplace(model, start, std::vector<std::string>{"norm.weight"}, options, context);
    parameters->apply(context);
    for (std::size_t i = 0; i < kBatch; ++i) batch.push_back(i);
    static_cast<void>(teacher.inputsOf(batch, context));  // kept from then on, as in a training's later epochs
  }

  void step(std::size_t keepBytes, const RunContext& context) {
    ModelTask task(model, windows, teacher, options.mix, keepBytes);
    benchmark::DoNotOptimize(task.gradients(batch, parameters->gradients(), context));
    benchmark::DoNotOptimize(parameters->update(10, context));
    parameters->apply(context);
  }

  ArchitectureSpec spec = architecture();
  RandomWeights weights;
  TokenWindows windows = randomWindows();
  TrainingOptions options{.batch = kBatch};
  TrainingModel<float> model = loadTrainingModel<float>(spec, weights, {}, {});
  Teacher teacher{spec, weights, windows, std::size_t{1} << 30U, {}};
  std::map<std::string, QuantizedTensor> start;
  std::optional<ParameterSet> parameters;
  std::vector<std::size_t> batch;
  std::size_t linearWeights = 0;
};

void trainStep(benchmark::State& state) {
  static Training training({});
  const bool recomputes = state.range(0) != 0;
  onThreads(state, state.range(1),
            [&](const RunContext& context) { training.step(recomputes ? 0 : std::size_t{1} << 30U, context); });
  const double tokens = kBatch * kWindow;
  const auto blocks = static_cast<double>(training.linearWeights);
  const double head = static_cast<double>(kVocabulary) * kHidden;
  count(state, {.elements = tokens, .flop = tokens * (6 * (blocks + head) + (recomputes ? 2 * blocks : 0))});
}

void optimizerStep(benchmark::State& state) {
  static Training training({});
  onThreads(state, state.range(0), [&](const RunContext& context) {
    benchmark::DoNotOptimize(training.parameters->update(10, context));
    training.parameters->apply(context);
  });
  count(state, {.elements = static_cast<double>(training.linearWeights)});
}

}  // namespace

BENCHMARK(trainStep)
    ->ArgNames({"recompute", "threads"})
    ->Args({0, 2})
    ->Args({1, 2})
    ->Args({0, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(optimizerStep)->ArgName("threads")->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace qs::bench
