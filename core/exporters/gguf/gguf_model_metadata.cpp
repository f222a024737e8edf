#include "core/exporters/gguf/gguf_model_metadata.h"

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/io/formats/gguf_names.h"
#include "core/model/model_config.h"
#include "core/model/tokenizer/gguf_tokenizer.h"

namespace qs {

namespace {

constexpr std::uint32_t kQuantizationVersion = 2;

ModelConfig configOf(const Checkpoint& model) {
  return parseModelConfig(model.contents().configJson, model.path().string());
}

std::uint32_t count(std::size_t value) { return static_cast<std::uint32_t>(value); }

// "7.2B", "260K": as the files' names call the size.
std::string sizeLabel(const Checkpoint& model) {
  double parameters = 0;
  for (const CheckpointTensor& tensor : model.tensors()) parameters += static_cast<double>(tensor.info.elements);
  const char* unit = "K";
  parameters /= 1e3;
  for (const char* larger : {"M", "B"}) {
    if (parameters < 1e3) break;
    parameters /= 1e3;
    unit = larger;
  }
  return fixedText(parameters, parameters < 10 ? 1 : 0) + unit;
}

void addRope(const std::string& a, const ModelConfig& config, GgufPairs& pairs) {
  if (!config.rope) return;
  const auto dims = static_cast<std::size_t>(static_cast<double>(config.headDim) * config.rope->partialFactor);
  pairs.u32(a + ".rope.dimension_count", count(dims));
  pairs.f32(a + ".rope.freq_base", static_cast<float>(config.rope->theta));
  if (config.rope->type != "linear") return;
  pairs.text(a + ".rope.scaling.type", "linear");
  pairs.f32(a + ".rope.scaling.factor", static_cast<float>(config.rope->factor));
}

void addGemma2(const ModelConfig& config, GgufPairs& pairs) {
  pairs.f32("gemma2.attn_logit_softcapping", static_cast<float>(config.attentionSoftCap));
  pairs.f32("gemma2.final_logit_softcapping", static_cast<float>(config.finalSoftCap));
  for (const std::size_t window : config.slidingWindows)
    if (window > 0) pairs.u32("gemma2.attention.sliding_window", count(window));
}

// Counts and lengths u32, epsilons and the rope base f32: loaders insist.
void addSizes(const std::string& a, const ModelConfig& config, GgufPairs& pairs) {
  pairs.u32(a + ".context_length", count(config.contextLength));
  pairs.u32(a + ".embedding_length", count(config.hiddenSize));
  pairs.u32(a + ".block_count", count(config.blocks));
  pairs.u32(a + ".feed_forward_length", count(config.intermediateSize));
  pairs.u32(a + ".attention.head_count", count(config.heads));
  pairs.u32(a + ".attention.head_count_kv", count(config.kvHeads));
  const char* epsilon =
      a == "gpt2" || a == "phi2" ? ".attention.layer_norm_epsilon" : ".attention.layer_norm_rms_epsilon";
  pairs.f32(a + epsilon, static_cast<float>(config.normEpsilon));
  if (config.headDim * config.heads != config.hiddenSize || a == "qwen3" || a.starts_with("gemma")) {
    pairs.u32(a + ".attention.key_length", count(config.headDim));
    pairs.u32(a + ".attention.value_length", count(config.headDim));
  }
  pairs.u32(a + ".vocab_size", count(config.vocabSize));
  addRope(a, config, pairs);
  if (a == "gemma2") addGemma2(config, pairs);
}

void addId(const char* key, const std::optional<int>& id, GgufPairs& pairs) {
  if (id) pairs.u32(key, static_cast<std::uint32_t>(*id));
}

void addVocabulary(const GgufVocabulary& vocabulary, GgufPairs& pairs) {
  pairs.text("tokenizer.ggml.model", vocabulary.model);
  pairs.text("tokenizer.ggml.pre", vocabulary.pre.empty() ? "default" : vocabulary.pre);
  pairs.texts("tokenizer.ggml.tokens", vocabulary.tokens);
  if (vocabulary.model == "llama") pairs.f32s("tokenizer.ggml.scores", vocabulary.scores);
  pairs.i32s("tokenizer.ggml.token_type", vocabulary.types);
  if (!vocabulary.merges.empty()) pairs.texts("tokenizer.ggml.merges", vocabulary.merges);
  addId("tokenizer.ggml.bos_token_id", vocabulary.bosId, pairs);
  addId("tokenizer.ggml.eos_token_id", vocabulary.eosId, pairs);
  addId("tokenizer.ggml.unknown_token_id", vocabulary.unknownId, pairs);
  addId("tokenizer.ggml.padding_token_id", vocabulary.paddingId, pairs);
  if (vocabulary.addsBos) pairs.flag("tokenizer.ggml.add_bos_token", *vocabulary.addsBos);
  if (vocabulary.addsEos) pairs.flag("tokenizer.ggml.add_eos_token", *vocabulary.addsEos);
  if (vocabulary.model == "llama") pairs.flag("tokenizer.ggml.add_space_prefix", *vocabulary.addsSpacePrefix);
  if (!vocabulary.chatTemplate.empty()) pairs.text("tokenizer.chat_template", vocabulary.chatTemplate);
}

// Of a GGUF file everything but what this file decides itself.
void copyPairs(const GgufMetadata& metadata, GgufPairs& pairs) {
  for (const auto& [key, value] : metadata.values())
    if (key != "general.alignment" && !key.starts_with("split.")) pairs.copy(key, value);
}

}  // namespace

std::string ggufArchitecture(const Checkpoint& model) {
  const ModelConfig config = configOf(model);
  const std::string& type = config.modelType;
  const std::string name = type == "mistral" ? "llama" : type == "phi" ? "phi2" : type;
  if (!hasKnownNames(name))
    throw requestError("architecture",
                       "GGUF export knows llama, mistral, qwen2, qwen3, gemma, gemma2, phi, phi3 and gpt2, not " +
                           type + ": export to another format");
  const bool isOwn = model.contents().gguf != nullptr;
  if (config.rope && config.rope->type == "longrope" && !isOwn)
    throw requestError("architecture", "rope scaling \"longrope\" isn't written to GGUF: export to another format");
  return name;
}

GgufPairs ggufModelMetadata(const Checkpoint& model, std::uint32_t fileType, bool isQuantized) {
  const std::string architecture = ggufArchitecture(model);
  const ModelConfig config = configOf(model);
  GgufPairs pairs;
  pairs.text("general.architecture", architecture);
  pairs.text("general.type", "model");
  pairs.u32("general.file_type", fileType);
  if (isQuantized) pairs.u32("general.quantization_version", kQuantizationVersion);
  if (model.contents().gguf != nullptr) copyPairs(*model.contents().gguf, pairs);
  pairs.text("general.name", model.displayName());
  pairs.text("general.size_label", sizeLabel(model));
  addSizes(architecture, config, pairs);
  if (pairs.contains("tokenizer.ggml.model")) return pairs;
  if (model.contents().tokenizerFolder.empty())
    pairs.text("tokenizer.ggml.model", "none");
  else
    addVocabulary(ggufVocabularyOf(model, config.vocabSize), pairs);
  return pairs;
}

std::vector<float> ggufRopeFactors(const Checkpoint& model) {
  const ModelConfig config = configOf(model);
  if (!config.rope || config.rope->type != "llama3") return {};
  RopeConfig plain = *config.rope;
  plain.type = "default";
  const RopeSpec from = makeRope(plain, config.headDim, config.subject);
  const RopeSpec to = makeRope(*config.rope, config.headDim, config.subject);
  std::vector<float> factors;
  for (std::size_t i = 0; i < from.frequencies.size(); ++i)
    factors.push_back(static_cast<float>(from.frequencies[i] / to.frequencies[i]));
  return factors;
}

}  // namespace qs
