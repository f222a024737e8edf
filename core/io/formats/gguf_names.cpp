#include "core/io/formats/gguf_names.h"

#include <array>
#include <cctype>
#include <span>

namespace qs {

namespace {

struct NamePair {
  std::string_view gguf;
  std::string_view huggingFace;
  bool transposed = false;
};

constexpr std::array kLlamaTop{NamePair{"token_embd", "model.embed_tokens"}, NamePair{"output_norm", "model.norm"},
                               NamePair{"output", "lm_head"}};
constexpr std::array kLlamaBlock{
    NamePair{"attn_norm", "input_layernorm"},
    NamePair{"attn_q", "self_attn.q_proj"},
    NamePair{"attn_k", "self_attn.k_proj"},
    NamePair{"attn_v", "self_attn.v_proj"},
    NamePair{"attn_qkv", "self_attn.qkv_proj"},
    NamePair{"attn_output", "self_attn.o_proj"},
    NamePair{"attn_q_norm", "self_attn.q_norm"},
    NamePair{"attn_k_norm", "self_attn.k_norm"},
    NamePair{"ffn_norm", "post_attention_layernorm"},
    NamePair{"ffn_gate", "mlp.gate_proj"},
    NamePair{"ffn_up", "mlp.up_proj"},
    NamePair{"ffn_down", "mlp.down_proj"},
};
// Where Gemma 2, Phi-2 and Phi-3 differ from the table above.
constexpr std::array kGemma2Block{
    NamePair{"post_attention_norm", "post_attention_layernorm"},
    NamePair{"ffn_norm", "pre_feedforward_layernorm"},
    NamePair{"post_ffw_norm", "post_feedforward_layernorm"},
};
constexpr std::array kPhi2Top{NamePair{"token_embd", "model.embed_tokens"},
                              NamePair{"output_norm", "model.final_layernorm"}, NamePair{"output", "lm_head"}};
constexpr std::array kPhi2Block{
    NamePair{"attn_output", "self_attn.dense"},
    NamePair{"ffn_up", "mlp.fc1"},
    NamePair{"ffn_down", "mlp.fc2"},
};
constexpr std::array kPhi3Block{NamePair{"ffn_up", "mlp.gate_up_proj"}};
constexpr std::array kGpt2Top{NamePair{"token_embd", "wte"}, NamePair{"position_embd", "wpe"},
                              NamePair{"output_norm", "ln_f"}, NamePair{"output", "lm_head"}};
constexpr std::array kGpt2Block{
    NamePair{"attn_norm", "ln_1"},
    NamePair{"attn_qkv", "attn.c_attn", true},
    NamePair{"attn_output", "attn.c_proj", true},
    NamePair{"ffn_norm", "ln_2"},
    NamePair{"ffn_up", "mlp.c_fc", true},
    NamePair{"ffn_down", "mlp.c_proj", true},
};

struct Names {
  std::span<const NamePair> top;
  std::span<const NamePair> block;
  std::span<const NamePair> special;  // looked up before `block`
  std::string_view blockPrefix;
};

Names namesOf(std::string_view architecture) {
  if (architecture == "gpt2") return {kGpt2Top, kGpt2Block, {}, "h."};
  if (architecture == "gemma2") return {kLlamaTop, kLlamaBlock, kGemma2Block, "model.layers."};
  if (architecture == "phi2") return {kPhi2Top, kLlamaBlock, kPhi2Block, "model.layers."};
  if (architecture == "phi3") return {kLlamaTop, kLlamaBlock, kPhi3Block, "model.layers."};
  return {kLlamaTop, kLlamaBlock, {}, "model.layers."};
}

// "prefix" + "12." + "rest": true when the text has that form.
bool splitBlock(std::string_view text, std::string_view prefix, std::string_view& number, std::string_view& rest) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  std::size_t digits = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0) ++digits;
  if (digits == 0 || digits >= text.size() || text[digits] != '.') return false;
  number = text.substr(0, digits);
  rest = text.substr(digits + 1);
  return true;
}

GgufTransform transformOf(std::string_view architecture, std::string_view gguf, std::string_view suffix,
                          bool transposed) {
  if (architecture == "llama" && gguf == "attn_q") return GgufTransform::UnpermuteQuery;
  if (architecture == "llama" && gguf == "attn_k") return GgufTransform::UnpermuteKey;
  if (transposed && suffix == ".weight") return GgufTransform::Transpose;
  if (architecture.starts_with("gemma") && gguf.ends_with("norm")) return GgufTransform::MinusOne;
  return GgufTransform::None;
}

struct Stem {
  std::string_view stem;
  std::string_view suffix;
};

Stem splitSuffix(std::string_view text) {
  const std::size_t dot = text.rfind('.');
  if (dot == std::string_view::npos) return {text, {}};
  return {text.substr(0, dot), text.substr(dot)};
}

const NamePair* findBy(std::span<const NamePair> pairs, std::string_view NamePair::*member, std::string_view text) {
  for (const NamePair& pair : pairs)
    if (pair.*member == text) return &pair;
  return nullptr;
}

const NamePair* findBlock(const Names& names, std::string_view NamePair::*member, std::string_view text) {
  const NamePair* special = findBy(names.special, member, text);
  return special != nullptr ? special : findBy(names.block, member, text);
}

}  // namespace

bool hasKnownNames(std::string_view architecture) {
  constexpr std::array kKnown{"llama", "qwen2", "qwen3", "gemma", "gemma2", "phi2", "phi3", "gpt2"};
  for (const std::string_view known : kKnown)
    if (known == architecture) return true;
  return false;
}

GgufName huggingFaceName(std::string_view architecture, std::string_view ggufName) {
  const Names names = namesOf(architecture);
  const auto [stem, suffix] = splitSuffix(ggufName);
  std::string_view number;
  std::string_view rest;
  const bool inBlock = splitBlock(stem, "blk.", number, rest);
  const NamePair* pair = inBlock ? findBlock(names, &NamePair::gguf, rest) : findBy(names.top, &NamePair::gguf, stem);
  if (pair == nullptr) return {std::string(ggufName)};
  std::string name = inBlock ? std::string(names.blockPrefix).append(number).append(".") : std::string();
  name.append(pair->huggingFace).append(suffix);
  return {name, transformOf(architecture, pair->gguf, suffix, pair->transposed)};
}

GgufName ggufName(std::string_view architecture, std::string_view huggingFaceName) {
  const Names names = namesOf(architecture);
  if (huggingFaceName.starts_with("transformer.")) huggingFaceName.remove_prefix(12);
  const auto [stem, suffix] = splitSuffix(huggingFaceName);
  std::string_view number;
  std::string_view rest;
  const bool inBlock = splitBlock(stem, names.blockPrefix, number, rest);
  const NamePair* pair =
      inBlock ? findBlock(names, &NamePair::huggingFace, rest) : findBy(names.top, &NamePair::huggingFace, stem);
  if (pair == nullptr) return {};
  std::string name = inBlock ? std::string("blk.").append(number).append(".") : std::string();
  name.append(pair->gguf).append(suffix);
  return {name, transformOf(architecture, pair->gguf, suffix, pair->transposed)};
}

}  // namespace qs
