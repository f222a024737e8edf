#include "core/io/formats/gguf_config.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/formats/gguf_names.h"
#include "core/io/stored_tensor.h"

namespace qs {

namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMostRopeFactors = 4096;  // they are written out into config.json

// The keys of one architecture, read under its prefix.
class Keys {
 public:
  Keys(const GgufFile& gguf, std::string architecture)
      : m_metadata(*gguf.metadata), m_file(gguf.file->path().string()), m_architecture(std::move(architecture)) {}

  [[nodiscard]] std::optional<std::int64_t> integer(const std::string& key) const {
    return m_metadata.integer(m_architecture + "." + key);
  }
  [[nodiscard]] std::optional<double> real(const std::string& key) const {
    return m_metadata.real(m_architecture + "." + key);
  }
  [[nodiscard]] std::int64_t count(const std::string& key) const {
    const std::optional<std::int64_t> value = integer(key);
    const std::string subject = m_file + ": " + m_architecture + "." + key;
    if (!value) throw inputError(subject, "the key is missing");
    if (*value <= 0) throw mismatchError(subject, "value", "a positive count", std::to_string(*value));
    return *value;
  }

 private:
  const GgufMetadata& m_metadata;
  std::string m_file;
  std::string m_architecture;
};

const GgufTensor* findTensor(const GgufFile& gguf, std::string_view name) {
  const auto found = std::find_if(gguf.tensors.begin(), gguf.tensors.end(),
                                  [&](const GgufTensor& tensor) { return tensor.info.name == name; });
  return found == gguf.tensors.end() ? nullptr : &*found;
}

// Frequencies divided dimension by dimension, as llama-3 scaling is stored.
void addRopeFactors(const GgufFile& gguf, std::int64_t context, Json& config) {
  const GgufTensor* factors = findTensor(gguf, "rope_freqs.weight");
  if (factors == nullptr || factors->info.dtype != DType::F32) return;
  if (factors->info.elements > kMostRopeFactors)
    throw mismatchError(gguf.file->path().string() + ": " + factors->info.name, "elements",
                        "at most " + std::to_string(kMostRopeFactors) + ", half a head",
                        std::to_string(factors->info.elements));
  std::vector<float> values(factors->info.elements);
  StoredTensor(factors->file, DType::F32, factors->info.shape, factors->bytes).read(0, values);
  config["rope_scaling"] = {{"rope_type", "longrope"}, {"short_factor", values},
                            {"long_factor", values},   {"factor", 1.0},
                            {"attention_factor", 1.0}, {"original_max_position_embeddings", context}};
}

void addRope(const GgufFile& gguf, const Keys& keys, std::int64_t context, Json& config) {
  config["rope_theta"] = keys.real("rope.freq_base").value_or(10000.0);
  const auto type =
      gguf.metadata->text(gguf.metadata->text("general.architecture").value_or("") + ".rope.scaling.type");
  if (type && *type != "none")
    config["rope_scaling"] = {{"rope_type", *type}, {"factor", keys.real("rope.scaling.factor").value_or(1.0)}};
  addRopeFactors(gguf, context, config);
}

Json gpt2Config(const Keys& keys) {
  return {{"n_embd", keys.count("embedding_length")},
          {"n_layer", keys.count("block_count")},
          {"n_head", keys.count("attention.head_count")},
          {"n_positions", keys.count("context_length")},
          {"n_inner", keys.count("feed_forward_length")},
          {"layer_norm_epsilon", keys.real("attention.layer_norm_epsilon").value_or(1e-5)},
          {"activation_function", "gelu_new"}};
}

Json llamaConfig(const GgufFile& gguf, const Keys& keys, const std::string& architecture) {
  const std::int64_t heads = keys.count("attention.head_count");
  const std::int64_t hidden = keys.count("embedding_length");
  const std::int64_t context = keys.count("context_length");
  Json config{{"hidden_size", hidden},
              {"num_hidden_layers", keys.count("block_count")},
              {"num_attention_heads", heads},
              {"num_key_value_heads", keys.integer("attention.head_count_kv").value_or(heads)},
              {"intermediate_size", keys.count("feed_forward_length")},
              {"max_position_embeddings", context},
              {"head_dim", keys.integer("attention.key_length").value_or(hidden / heads)},
              {"rms_norm_eps", keys.real("attention.layer_norm_rms_epsilon").value_or(1e-6)},
              {"hidden_act", architecture.starts_with("gemma") ? "gelu_pytorch_tanh" : "silu"}};
  if (const auto window = keys.integer("attention.sliding_window")) config["sliding_window"] = *window;
  if (const auto cap = keys.real("attn_logit_softcapping")) config["attn_logit_softcapping"] = *cap;
  if (const auto cap = keys.real("final_logit_softcapping")) config["final_logit_softcapping"] = *cap;
  addRope(gguf, keys, context, config);
  return config;
}

// Phi-1 and 2, which Hugging Face calls "phi".
Json phi2Config(const GgufFile& gguf, const Keys& keys) {
  Json config = llamaConfig(gguf, keys, "phi2");
  const auto rotary = static_cast<double>(keys.count("rope.dimension_count"));
  config["partial_rotary_factor"] = rotary / config.at("head_dim").get<double>();
  config["layer_norm_eps"] = keys.real("attention.layer_norm_epsilon").value_or(1e-5);
  config["hidden_act"] = "gelu_new";
  config["model_type"] = "phi";
  return config;
}

Json configOf(const GgufFile& gguf, const Keys& keys, const std::string& architecture) {
  Json config = architecture == "gpt2"   ? gpt2Config(keys)
                : architecture == "phi2" ? phi2Config(gguf, keys)
                                         : llamaConfig(gguf, keys, architecture);
  config.emplace("model_type", architecture);
  return config;
}

}  // namespace

std::string configFromGguf(const GgufFile& gguf) {
  const std::string architecture = gguf.metadata->text("general.architecture").value_or("");
  if (!hasKnownNames(architecture)) return {};
  const Keys keys(gguf, architecture);
  Json config = configOf(gguf, keys, architecture);
  const GgufTensor* embedding = findTensor(gguf, "token_embd.weight");
  if (embedding != nullptr && !embedding->info.shape.empty()) config["vocab_size"] = embedding->info.shape.front();
  config["tie_word_embeddings"] = findTensor(gguf, "output.weight") == nullptr;
  if (findTensor(gguf, "blk.0.attn_q.bias") != nullptr && architecture == "llama") config["attention_bias"] = true;
  if (const auto bos = gguf.metadata->integer("tokenizer.ggml.bos_token_id")) config["bos_token_id"] = *bos;
  if (const auto eos = gguf.metadata->integer("tokenizer.ggml.eos_token_id")) config["eos_token_id"] = *eos;
  return config.dump(2);
}

}  // namespace qs
