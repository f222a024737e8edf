#include "core/model/architecture_registry.h"

#include <array>
#include <string_view>

#include "core/base/error.h"
#include "core/model/architectures/factories.h"

namespace qs {

namespace {

using Factory = ArchitectureSpec (*)(const ModelConfig&, const Checkpoint&);

struct FactoryEntry {
  std::string_view modelType;
  Factory make;
};

constexpr std::array kFactories{
    FactoryEntry{"llama", makeLlamaFamily}, FactoryEntry{"mistral", makeLlamaFamily},
    FactoryEntry{"qwen2", makeLlamaFamily}, FactoryEntry{"qwen3", makeLlamaFamily},
    FactoryEntry{"gemma", makeLlamaFamily}, FactoryEntry{"gemma2", makeLlamaFamily},
    FactoryEntry{"phi3", makeLlamaFamily},  FactoryEntry{"phi", makePhi},
    FactoryEntry{"gpt2", makeGpt2},         FactoryEntry{"opt", makeOpt},
    FactoryEntry{"gpt_neox", makeGptNeox},
};

Factory factoryOf(const ModelConfig& config) {
  for (const FactoryEntry& entry : kFactories)
    if (entry.modelType == config.modelType) return entry.make;
  throw inputError(config.subject, "the architecture \"" + config.modelType + "\" can't be run");
}

std::string configSubject(const Checkpoint& model) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(model.path(), ignored);
  return folder ? (model.path() / "config.json").string() : model.path().string();
}

class ShapeCheck {
 public:
  explicit ShapeCheck(const Checkpoint& model) : m_model(model) {}

  void expect(const std::string& name, const Shape& expected) const {
    const CheckpointTensor& tensor = m_model.require(name);
    if (tensor.info.shape != expected)
      throw mismatchError(tensor.file + ": " + name, "shape", toText(expected), toText(tensor.info.shape));
  }
  void expect(const NormSpec& norm) const {
    expect(norm.name + ".weight", {norm.size});
    if (norm.kind == NormKind::Layer) expect(norm.name + ".bias", {norm.size});
  }
  void expect(const std::optional<NormSpec>& norm) const {
    if (norm) expect(*norm);
  }
  void expect(const LinearSpec& linear) const {
    const Shape straight{linear.out, linear.in};
    const Shape turned{linear.in, linear.out};
    expect(linear.name + ".weight", linear.transposed ? turned : straight);
    if (linear.bias) expect(linear.name + ".bias", {linear.out});
  }

 private:
  const Checkpoint& m_model;
};

/// Llama 3 files of other programs hold the scaled frequencies as factors in a tensor of its own.
void applyFrequencyFactors(const Checkpoint& model, ArchitectureSpec& spec) {
  const CheckpointTensor* tensor = model.find("rope_freqs.weight");
  if (tensor == nullptr || !spec.rope) return;
  const Matrix factors = model.load(*tensor);
  if (factors.values().size() != spec.rope->frequencies.size())
    throw mismatchError(tensor->file + ": rope_freqs.weight", "elements", std::to_string(spec.rope->frequencies.size()),
                        std::to_string(factors.values().size()));
  for (std::size_t i = 0; i < factors.values().size(); ++i) spec.rope->frequencies[i] /= factors.values()[i];
}

}  // namespace

void checkTensors(const ArchitectureSpec& spec, const Checkpoint& model) {
  const ShapeCheck check(model);
  check.expect(spec.embedding, Shape{spec.vocabSize, spec.embeddingDim});
  if (!spec.positionTable.empty())
    check.expect(spec.positionTable, Shape{spec.contextLength + spec.positionOffset, spec.hiddenSize});
  for (const LinearSpec& linear : allLinears(spec)) check.expect(linear);
  if (spec.tiedHead && spec.head.bias) check.expect(spec.head.name + ".bias", Shape{spec.vocabSize});
  for (const BlockSpec& block : spec.blocks) {
    check.expect(block.attentionNorm);
    for (const auto* norm : {&block.mlpNorm, &block.postAttentionNorm, &block.postMlpNorm, &block.attention.queryNorm,
                             &block.attention.keyNorm})
      check.expect(*norm);
  }
  check.expect(spec.finalNorm);
}

ArchitectureSpec loadArchitecture(const Checkpoint& model) {
  const std::string subject = configSubject(model);
  if (model.contents().configJson.empty())
    throw inputError(
        model.path().string(),
        "config.json is missing, so the model can't be run: it and the tokenizer's files belong beside the weights");
  const ModelConfig config = parseModelConfig(model.contents().configJson, subject);
  ArchitectureSpec spec = factoryOf(config)(config, model);
  checkTensors(spec, model);
  applyFrequencyFactors(model, spec);
  return spec;
}

std::optional<ArchitectureSpec> tryArchitecture(const Checkpoint& model, std::string* whyNot) {
  try {
    return loadArchitecture(model);
  } catch (const Error& error) {
    if (whyNot != nullptr) *whyNot = error.what();
    return std::nullopt;
  }
}

}  // namespace qs
