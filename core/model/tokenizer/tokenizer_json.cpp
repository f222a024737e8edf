#include "core/model/tokenizer/tokenizer_json.h"

#include <utility>

#include "core/base/error.h"
#include "core/model/tokenizer/bpe_tokenizer.h"
#include "core/model/tokenizer/tokenizer_json_fields.h"

namespace qs {

namespace {

// No vocabulary comes near: an id beyond it is damaged, and would cost memory.
constexpr std::int64_t kLargestId = std::int64_t{1} << 24U;

int parseId(const nlohmann::json& value, const std::string& token, const std::string& subject) {
  const std::int64_t id = value.is_number_integer() ? value.get<std::int64_t>() : -1;
  if (id < 0 || id > kLargestId) throw inputError(subject, "the token \"" + token + "\" has no valid id");
  return static_cast<int>(id);
}

BpeModel::Vocabulary parseVocabulary(const nlohmann::json& model, const std::string& subject) {
  const nlohmann::json& entries = fieldOf(model, "vocab");
  if (!entries.is_object()) throw inputError(subject, "model.vocab is missing or not an object");
  BpeModel::Vocabulary vocabulary;
  vocabulary.reserve(entries.size());
  for (const auto& [token, id] : entries.items()) vocabulary.emplace(token, parseId(id, token, subject));
  return vocabulary;
}

std::pair<std::string, std::string> parseMerge(const nlohmann::json& merge, const std::string& subject) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  if (merge.is_string()) {
    const auto text = merge.get<std::string>();
    const std::size_t space = text.find(' ');
    if (space != std::string::npos) return {text.substr(0, space), text.substr(space + 1)};
  }
  throw inputError(subject, "model.merges has an entry that is neither \"a b\" nor [\"a\", \"b\"]");
}

std::vector<BpeModel::Merge> parseMerges(const nlohmann::json& model, const std::string& subject) {
  std::vector<BpeModel::Merge> merges;
  for (const nlohmann::json& entry : requireList(model, "merges", subject)) {
    auto [left, right] = parseMerge(entry, subject);
    merges.push_back({std::move(left), std::move(right), static_cast<std::uint32_t>(merges.size())});
  }
  return merges;
}

BpeModel parseModel(const nlohmann::json& model, const std::string& subject) {
  const std::string type = textOf(model, "type", "BPE");
  if (type != "BPE") throw inputError(subject, "a tokenizer of type \"" + type + "\" is not supported (BPE only)");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!textOf(model, key, "").empty()) throw inputError(subject, std::string("model.") + key + " is not supported");
  BpeModel::Vocabulary vocabulary = parseVocabulary(model, subject);
  BpeModel::Options options{.byteFallback = flagOf(model, "byte_fallback", false),
                            .fuseUnknown = flagOf(model, "fuse_unk", false),
                            .ignoreMerges = flagOf(model, "ignore_merges", false)};
  const auto unknown = vocabulary.find(textOf(model, "unk_token", ""));
  if (unknown != vocabulary.end()) options.unknownId = unknown->second;
  const std::vector<BpeModel::Merge> merges = parseMerges(model, subject);
  return {std::move(vocabulary), merges, options, subject};
}

std::vector<AddedToken> parseAddedTokens(const nlohmann::json& root, const std::string& subject) {
  std::vector<AddedToken> tokens;
  const nlohmann::json& entries = fieldOf(root, "added_tokens");
  if (entries.is_null()) return tokens;
  for (const nlohmann::json& entry : requireList(root, "added_tokens", subject)) {
    AddedToken token{.content = requireText(entry, "content", subject)};
    token.id = parseId(fieldOf(entry, "id"), token.content, subject);
    token.singleWord = flagOf(entry, "single_word", false);
    token.stripsLeft = flagOf(entry, "lstrip", false);
    token.stripsRight = flagOf(entry, "rstrip", false);
    token.special = flagOf(entry, "special", false);
    token.normalized = flagOf(entry, "normalized", !token.special);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

void fillTokens(BpeTokenizer::Parts& parts) {
  const auto set = [&](int id, const std::string& token, bool special) {
    const auto index = static_cast<std::size_t>(id);
    if (index >= parts.tokens.size()) parts.tokens.resize(index + 1);
    parts.special.resize(parts.tokens.size());
    parts.tokens[index] = token;
    parts.special[index] = special;
  };
  for (const auto& [token, id] : parts.model.vocabulary()) set(id, token, false);
  for (const AddedToken& token : parts.addedTokens) set(token.id, token.content, token.special);
}

/// The token with which a post-processor begins every text; empty when it begins with the text.
std::string leadingToken(const nlohmann::json& processor) {
  const std::string type = textOf(processor, "type", "");
  if (type == "Sequence") {
    for (const nlohmann::json& inner : fieldOf(processor, "processors"))
      if (std::string token = leadingToken(inner); !token.empty()) return token;
  }
  if (type == "TemplateProcessing") {
    const nlohmann::json& single = fieldOf(processor, "single");
    if (single.is_array() && !single.empty()) return textOf(fieldOf(single.front(), "SpecialToken"), "id", "");
  }
  const nlohmann::json& cls = fieldOf(processor, "cls");
  const bool roberta = type == "RobertaProcessing" || type == "BertProcessing";
  return roberta && cls.is_array() && !cls.empty() && cls[0].is_string() ? cls[0].get<std::string>() : "";
}

std::optional<int> idOf(const BpeTokenizer::Parts& parts, const std::string& token) {
  if (token.empty()) return std::nullopt;
  for (const AddedToken& added : parts.addedTokens)
    if (added.content == token) return added.id;
  return parts.model.find(token);
}

}  // namespace

TokenizerConfig parseTokenizerConfig(std::string_view json, const std::string& subject) {
  TokenizerConfig config;
  if (json.empty()) return config;
  const nlohmann::json root = nlohmann::json::parse(json, nullptr, false);
  if (!root.is_object()) throw inputError(subject, "not a JSON object");
  const nlohmann::json& bos = fieldOf(root, "bos_token");
  config.bosToken = bos.is_object() ? textOf(bos, "content", "") : textOf(root, "bos_token", "");
  if (fieldOf(root, "add_bos_token").is_boolean()) config.addsBos = flagOf(root, "add_bos_token", false);
  config.tokenizerClass = textOf(root, "tokenizer_class", "");
  return config;
}

TokenizerPtr parseTokenizerJson(std::string_view json, const TokenizerConfig& config, const std::string& subject) {
  const nlohmann::json root = nlohmann::json::parse(json, nullptr, false);
  if (!root.is_object()) throw inputError(subject, "not a JSON object");
  BpeTokenizer::Parts parts{.subject = subject, .model = parseModel(fieldOf(root, "model"), subject)};
  parts.addedTokens = parseAddedTokens(root, subject);
  parts.normalizer = parseNormalizer(fieldOf(root, "normalizer"), subject);
  parts.preTokenizer = parsePreTokenizer(fieldOf(root, "pre_tokenizer"), subject);
  parts.decoder = parseDecoder(fieldOf(root, "decoder"), subject);
  fillTokens(parts);
  const std::optional<int> leading = idOf(parts, leadingToken(fieldOf(root, "post_processor")));
  parts.bosId = leading ? leading : idOf(parts, config.bosToken);
  parts.addsBos = leading.has_value() || (config.addsBos.value_or(false) && parts.bosId);
  return std::make_shared<BpeTokenizer>(std::move(parts));
}

}  // namespace qs
