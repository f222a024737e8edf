#include "core/model/model_config.h"

#include <algorithm>
#include <functional>
#include <map>

#include "core/base/error.h"

namespace qs {

namespace {

// What no decoder comes near: beyond these a file is damaged or hostile.
constexpr std::size_t kLargestVocab = std::size_t{1} << 24U;
constexpr std::size_t kLargestWidth = std::size_t{1} << 20U;
constexpr std::size_t kMostBlocks = 4096;
constexpr std::size_t kMostHeads = 8192;
constexpr std::size_t kLongestContext = std::size_t{1} << 28U;

DType computeTypeOf(const ConfigFields& fields) {
  const std::string type = fields.text("torch_dtype").value_or(fields.text("dtype").value_or("float32"));
  if (type == "bfloat16") return DType::BF16;
  return type == "float16" ? DType::F16 : DType::F32;
}

void readHeads(const ConfigFields& fields, std::size_t defaultKvHeads, std::optional<std::size_t> defaultHeadDim,
               ModelConfig& config) {
  config.heads = fields.requireSize("num_attention_heads", kMostHeads);
  const std::size_t kv = defaultKvHeads == 0 || fields.mentions("num_key_value_heads") ? config.heads : defaultKvHeads;
  config.kvHeads = fields.size("num_key_value_heads", kMostHeads).value_or(kv);
  config.headDim = fields.size("head_dim", kLargestWidth).value_or(defaultHeadDim.value_or(0));
}

/// Which blocks see only a window: `layer_types` where the file has it, else the family's own rule.
void readWindows(const ConfigFields& fields, std::size_t window, const std::function<bool(std::size_t)>& slides,
                 ModelConfig& config) {
  config.slidingWindows.assign(config.blocks, 0);
  const auto types = fields.texts("layer_types");
  if (types && types->size() != config.blocks) fields.refuse("layer_types", "one entry a block");
  for (std::size_t i = 0; i < config.blocks; ++i) {
    const std::string type = types ? (*types)[i] : "";
    if (types && type != "full_attention" && type != "sliding_attention")
      fields.refuse("layer_types", "full_attention or sliding_attention");
    if (types ? type == "sliding_attention" : slides(i)) config.slidingWindows[i] = window;
  }
}

/// The keys of Llama's config, which most families share.
void readLlamaKeys(const ConfigFields& fields, double theta, double epsilon, ModelConfig& config) {
  config.hiddenSize = fields.requireSize("hidden_size", kLargestWidth);
  config.intermediateSize = fields.requireSize("intermediate_size", kLargestWidth);
  config.blocks = fields.requireSize("num_hidden_layers", kMostBlocks);
  config.contextLength = fields.size("max_position_embeddings", kLongestContext).value_or(2048);
  config.normEpsilon = fields.positive("rms_norm_eps", epsilon);
  config.activation = fields.text("hidden_act").value_or("silu");
  config.attentionBias = config.outputBias = fields.flag("attention_bias", false);
  config.mlpBias = fields.flag("mlp_bias", false);
  config.tiedEmbeddings = fields.flag("tie_word_embeddings", false);
  config.rope = parseRope(fields, theta, 1.0, config.contextLength);
  config.slidingWindows.assign(config.blocks, 0);
}

void readLlama(const ConfigFields& fields, ModelConfig& config) {
  readLlamaKeys(fields, 10000.0, 1e-6, config);
  readHeads(fields, 0, std::nullopt, config);
}

void readMistral(const ConfigFields& fields, ModelConfig& config) {
  readLlamaKeys(fields, 10000.0, 1e-6, config);
  readHeads(fields, 8, std::nullopt, config);
  const std::size_t standard = fields.mentions("sliding_window") ? 0 : 4096;
  const std::size_t window = fields.size("sliding_window", kLongestContext).value_or(standard);
  readWindows(
      fields, window, [](std::size_t) { return true; }, config);
}

void readQwenWindows(const ConfigFields& fields, ModelConfig& config) {
  if (!fields.flag("use_sliding_window", false)) return;
  const std::size_t first =
      fields.number("max_window_layers") == 0.0 ? 0 : fields.size("max_window_layers", kMostBlocks).value_or(28);
  const std::size_t window = fields.size("sliding_window", kLongestContext).value_or(4096);
  readWindows(
      fields, window, [first](std::size_t block) { return block >= first; }, config);
}

void readQwen2(const ConfigFields& fields, ModelConfig& config) {
  readLlamaKeys(fields, 10000.0, 1e-6, config);
  readHeads(fields, fields.mentions("num_key_value_heads") ? 0 : 32, std::nullopt, config);
  config.attentionBias = true;
  config.outputBias = false;
  readQwenWindows(fields, config);
}

void readQwen3(const ConfigFields& fields, ModelConfig& config) {
  readLlamaKeys(fields, 10000.0, 1e-6, config);
  readHeads(fields, fields.mentions("num_key_value_heads") ? 0 : 32, 128, config);
  readQwenWindows(fields, config);
}

void readGemma(const ConfigFields& fields, ModelConfig& config) {
  readLlamaKeys(fields, 10000.0, 1e-6, config);
  readHeads(fields, 16, 256, config);
  // Old files say "gelu" where the model was trained with the tanh form.
  config.activation = fields.text("hidden_activation").value_or("gelu_pytorch_tanh");
  config.tiedEmbeddings = fields.flag("tie_word_embeddings", true);
}

void readGemma2(const ConfigFields& fields, ModelConfig& config) {
  readGemma(fields, config);
  if (!fields.has("num_key_value_heads")) config.kvHeads = std::min<std::size_t>(config.heads, 4);
  config.queryPreAttentionScalar = fields.positive("query_pre_attn_scalar", 256.0);
  config.attentionSoftCap =
      fields.mentions("attn_logit_softcapping") ? fields.number("attn_logit_softcapping").value_or(0.0) : 50.0;
  config.finalSoftCap =
      fields.mentions("final_logit_softcapping") ? fields.number("final_logit_softcapping").value_or(0.0) : 30.0;
  if (config.attentionSoftCap < 0) fields.refuse("attn_logit_softcapping", "a number above 0");
  if (config.finalSoftCap < 0) fields.refuse("final_logit_softcapping", "a number above 0");
  const std::size_t window = fields.size("sliding_window", kLongestContext).value_or(4096);
  readWindows(
      fields, window, [](std::size_t block) { return block % 2 == 0; }, config);
}

void readPhi3(const ConfigFields& fields, ModelConfig& config) {
  readLlamaKeys(fields, 10000.0, 1e-5, config);
  readHeads(fields, 0, std::nullopt, config);
  const std::size_t window = fields.size("sliding_window", kLongestContext).value_or(0);
  readWindows(
      fields, window, [](std::size_t) { return true; }, config);
}

void readPhi(const ConfigFields& fields, ModelConfig& config) {
  readLlamaKeys(fields, 10000.0, 1e-5, config);
  readHeads(fields, 0, std::nullopt, config);
  if (fields.flag("qk_layernorm", false))
    throw inputError(config.subject, "qk_layernorm true is not supported for model type \"phi\"");
  config.normEpsilon = fields.positive("layer_norm_eps", 1e-5);
  config.activation = fields.text("hidden_act").value_or("gelu_new");
  config.rope = parseRope(fields, 10000.0, 0.5, config.contextLength);
  config.attentionBias = config.outputBias = config.mlpBias = config.parallelResidual = true;
}

void readGptNeox(const ConfigFields& fields, ModelConfig& config) {
  readLlamaKeys(fields, fields.positive("rotary_emb_base", 10000.0), 1e-5, config);
  readHeads(fields, 0, std::nullopt, config);
  config.normEpsilon = fields.positive("layer_norm_eps", 1e-5);
  config.activation = fields.text("hidden_act").value_or("gelu");
  config.rope = parseRope(fields, fields.positive("rotary_emb_base", 10000.0), fields.positive("rotary_pct", 0.25),
                          config.contextLength);
  config.attentionBias = config.outputBias = fields.flag("attention_bias", true);
  config.mlpBias = true;
  config.parallelResidual = fields.flag("use_parallel_residual", true);
}

void readGpt2(const ConfigFields& fields, ModelConfig& config) {
  config.hiddenSize = fields.requireSize("n_embd", kLargestWidth);
  config.blocks = fields.requireSize("n_layer", kMostBlocks);
  config.heads = config.kvHeads = fields.requireSize("n_head", kMostHeads);
  config.contextLength =
      fields.size("n_positions", kLongestContext).value_or(fields.size("n_ctx", kLongestContext).value_or(1024));
  config.intermediateSize = fields.size("n_inner", kLargestWidth).value_or(4 * config.hiddenSize);
  config.normEpsilon = fields.positive("layer_norm_epsilon", 1e-5);
  config.activation = fields.text("activation_function").value_or("gelu_new");
  config.tiedEmbeddings = fields.flag("tie_word_embeddings", true);
  config.attentionBias = config.outputBias = config.mlpBias = true;
  config.scaleAttention = fields.flag("scale_attn_weights", true);
  config.scaleByInverseBlock = fields.flag("scale_attn_by_inverse_layer_idx", false);
  config.slidingWindows.assign(config.blocks, 0);
}

void readOpt(const ConfigFields& fields, ModelConfig& config) {
  config.hiddenSize = fields.requireSize("hidden_size", kLargestWidth);
  config.intermediateSize = fields.requireSize("ffn_dim", kLargestWidth);
  config.blocks = fields.requireSize("num_hidden_layers", kMostBlocks);
  config.heads = config.kvHeads = fields.requireSize("num_attention_heads", kMostHeads);
  config.embeddingDim = fields.size("word_embed_proj_dim", kLargestWidth).value_or(config.hiddenSize);
  config.contextLength = fields.size("max_position_embeddings", kLongestContext).value_or(2048);
  config.activation = fields.text("activation_function").value_or("relu");
  config.tiedEmbeddings = fields.flag("tie_word_embeddings", true);
  config.attentionBias = config.outputBias = config.mlpBias = fields.flag("enable_bias", true);
  if (!fields.flag("layer_norm_elementwise_affine", true))
    throw inputError(config.subject, "layer_norm_elementwise_affine false is not supported");
  config.normBefore = fields.flag("do_layer_norm_before", true);
  config.finalNorm = config.normBefore && !fields.flag("_remove_final_layer_norm", false);
  config.slidingWindows.assign(config.blocks, 0);
}

using Reader = void (*)(const ConfigFields&, ModelConfig&);

const std::map<std::string, Reader, std::less<>>& readers() {
  static const std::map<std::string, Reader, std::less<>> table{
      {"llama", readLlama}, {"mistral", readMistral}, {"qwen2", readQwen2},      {"qwen3", readQwen3},
      {"gemma", readGemma}, {"gemma2", readGemma2},   {"phi3", readPhi3},        {"phi", readPhi},
      {"gpt2", readGpt2},   {"opt", readOpt},         {"gpt_neox", readGptNeox},
  };
  return table;
}

void checkHeads(ModelConfig& config) {
  const auto expect = [&](bool holds, const char* field, const std::string& expected, std::size_t got) {
    if (!holds) throw mismatchError(config.subject, field, expected, std::to_string(got));
  };
  if (config.headDim == 0) {
    expect(config.hiddenSize % config.heads == 0, "num_attention_heads",
           "a divisor of the hidden size " + std::to_string(config.hiddenSize), config.heads);
    config.headDim = config.hiddenSize / config.heads;
  }
  expect(config.kvHeads <= config.heads && config.heads % config.kvHeads == 0, "num_key_value_heads",
         "a divisor of the " + std::to_string(config.heads) + " heads", config.kvHeads);
  expect(config.heads * config.headDim <= kLargestWidth, "head_dim", "a sane width of all heads", config.headDim);
}

[[noreturn]] void refuseModelType(const std::string& subject, const std::string& modelType) {
  std::string known;
  for (const std::string& name : supportedModelTypes()) known += (known.empty() ? "" : ", ") + name;
  throw inputError(subject, "the architecture \"" + modelType + "\" can't be run (supported: " + known +
                                "); its weights can still be viewed and quantized");
}

}  // namespace

const std::vector<std::string>& supportedModelTypes() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const auto& [name, reader] : readers()) result.push_back(name);
    return result;
  }();
  return names;
}

ModelConfig parseModelConfig(std::string_view json, const std::string& subject) {
  const ConfigFields fields = ConfigFields::parse(json, subject);
  ModelConfig config{.subject = subject};
  config.modelType = fields.text("model_type").value_or("");
  if (config.modelType.empty()) fields.refuse("model_type", "the name of an architecture");
  const auto reader = readers().find(config.modelType);
  if (reader == readers().end()) refuseModelType(subject, config.modelType);
  config.vocabSize = fields.requireSize("vocab_size", kLargestVocab);
  config.computeType = computeTypeOf(fields);
  const std::vector<int> bos = fields.ids("bos_token_id");
  if (!bos.empty()) config.bosId = bos.front();
  config.eosIds = fields.ids("eos_token_id");
  reader->second(fields, config);
  if (config.embeddingDim == 0) config.embeddingDim = config.hiddenSize;
  checkHeads(config);
  return config;
}

}  // namespace qs
