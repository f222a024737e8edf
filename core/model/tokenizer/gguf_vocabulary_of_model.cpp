#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/model/tokenizer/byte_alphabet.h"
#include "core/model/tokenizer/gguf_tokenizer.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/model/tokenizer/sentencepiece_pieces.h"
#include "core/model/tokenizer/tokenizer_json_fields.h"

namespace qs {

namespace {

namespace fs = std::filesystem;

constexpr int kNormal = 1;
constexpr int kUnknown = 2;
constexpr int kControl = 3;
constexpr int kUserDefined = 4;
constexpr int kUnused = 5;
constexpr int kByte = 6;

// Where pre-tokenizers and prefixes differ: contractions in both cases, runs of digits, spaces and line ends,
// punctuation, other scripts.
constexpr std::array<std::string_view, 6> kSamples{
    "Once upon a time, there was a little girl named Lily.",
    "It's 12345 o'clock, WE'LL see: don't  you   think so?\n\n  Yes! ",
    " leading space; tabs\tand (brackets) [1,23] + 4.5% == $67,890.12",
    "na\u00efve caf\u00e9 \u00fcber \u4f60\u597d\u4e16\u754c \u043f\u0440\u0438\u0432\u0435\u0442 \U0001F600!!!",
    "snake_case camelCase HTTP2Server x=y*z;\r\n\r\n\tindent",
    "a"};

nlohmann::json jsonOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return nullptr;
  std::ostringstream text;
  text << file.rdbuf();
  return nlohmann::json::parse(text.str(), nullptr, false);
}

void setToken(GgufVocabulary& vocabulary, std::size_t id, std::string token, float score, int type) {
  if (id >= vocabulary.tokens.size()) {
    vocabulary.tokens.resize(id + 1);
    vocabulary.scores.resize(id + 1, 0.0F);
    vocabulary.types.resize(id + 1, kUnused);
  }
  vocabulary.tokens[id] = std::move(token);
  vocabulary.scores[id] = score;
  vocabulary.types[id] = type;
}

// Added tokens: special ones are control tokens, the others the user's.
void addAddedTokens(const nlohmann::json& root, GgufVocabulary& vocabulary) {
  for (const nlohmann::json& entry : fieldOf(root, "added_tokens")) {
    const nlohmann::json& id = fieldOf(entry, "id");
    if (!id.is_number_unsigned()) continue;
    const auto index = id.get<std::size_t>();
    const bool keepsType = index < vocabulary.types.size() && vocabulary.types[index] == kUnknown;
    const int type = keepsType ? kUnknown : flagOf(entry, "special", false) ? kControl : kUserDefined;
    setToken(vocabulary, index, textOf(entry, "content", ""), 0.0F, type);
  }
}

std::pair<std::string, std::string> mergeParts(const nlohmann::json& merge) {
  if (merge.is_array()) return {merge.at(0).get<std::string>(), merge.at(1).get<std::string>()};
  const auto text = merge.get<std::string>();
  const std::size_t space = text.find(' ', 1);
  return {text.substr(0, space), text.substr(space + 1)};
}

GgufVocabulary fromPieces(const fs::path& file) {
  GgufVocabulary vocabulary{.model = "llama"};
  for (const SentencePiecePiece& piece : sentencePiecePieces(file))
    setToken(vocabulary, vocabulary.tokens.size(), piece.text, piece.score, piece.type);
  return vocabulary;
}

// SentencePiece's BPE ranks a merge by its result's score: that of the first merge that makes it.
void scoreByMerges(const nlohmann::json& model, GgufVocabulary& vocabulary) {
  std::map<std::string, float> scores;
  for (const nlohmann::json& merge : fieldOf(model, "merges")) {
    const auto [left, right] = mergeParts(merge);
    scores.emplace(left + right, -static_cast<float>(scores.size()) - 1.0F);
  }
  const auto last = -static_cast<float>(scores.size()) - 2.0F;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const auto found = scores.find(vocabulary.tokens[id]);
    vocabulary.scores[id] = found == scores.end() ? last : found->second;
    if (fallbackByte(vocabulary.tokens[id])) vocabulary.types[id] = kByte;
    if (vocabulary.tokens[id] == textOf(model, "unk_token", "")) vocabulary.types[id] = kUnknown;
  }
}

GgufVocabulary fromTokenizerJson(const nlohmann::json& root, bool isByteLevel) {
  GgufVocabulary vocabulary{.model = isByteLevel ? "gpt2" : "llama"};
  const nlohmann::json& model = fieldOf(root, "model");
  for (const auto& [token, id] : fieldOf(model, "vocab").items())
    setToken(vocabulary, id.get<std::size_t>(), token, 0.0F, kNormal);
  if (!isByteLevel) {
    scoreByMerges(model, vocabulary);
    return vocabulary;
  }
  for (const nlohmann::json& merge : fieldOf(model, "merges")) {
    const auto [left, right] = mergeParts(merge);
    vocabulary.merges.push_back(left + " " + right);
  }
  return vocabulary;
}

std::string specialText(const nlohmann::json& config, const char* key) {
  const nlohmann::json& value = fieldOf(config, key);
  return value.is_object() ? textOf(value, "content", "") : value.is_string() ? value.get<std::string>() : "";
}

std::optional<int> idOf(const GgufVocabulary& vocabulary, const std::string& token) {
  const auto found = std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), token);
  if (token.empty() || found == vocabulary.tokens.end()) return std::nullopt;
  return static_cast<int>(found - vocabulary.tokens.begin());
}

std::optional<int> idFromConfig(const nlohmann::json& config, const char* key) {
  const nlohmann::json& value = fieldOf(config, key);
  const nlohmann::json& first = value.is_array() && !value.empty() ? value.front() : value;
  return first.is_number_integer() ? std::optional<int>(first.get<int>()) : std::nullopt;
}

void addSpecialIds(const Checkpoint& model, const nlohmann::json& tokenizerConfig, const Tokenizer& tokenizer,
                   GgufVocabulary& vocabulary) {
  const nlohmann::json config = nlohmann::json::parse(model.contents().configJson, nullptr, false);
  const auto choose = [&](const char* idKey, const char* tokenKey) {
    const std::optional<int> named = idOf(vocabulary, specialText(tokenizerConfig, tokenKey));
    std::optional<int> id = named ? named : idFromConfig(config, idKey);
    if (id && (*id < 0 || static_cast<std::size_t>(*id) >= vocabulary.tokens.size())) id.reset();
    return id;
  };
  vocabulary.bosId = tokenizer.bosId() ? tokenizer.bosId() : choose("bos_token_id", "bos_token");
  vocabulary.eosId = choose("eos_token_id", "eos_token");
  vocabulary.paddingId = choose("pad_token_id", "pad_token");
  for (std::size_t id = 0; id < vocabulary.types.size(); ++id)
    if (vocabulary.types[id] == kUnknown) vocabulary.unknownId = static_cast<int>(id);
  vocabulary.addsBos = tokenizer.addsBos();
  vocabulary.addsEos = flagOf(tokenizerConfig, "add_eos_token", false);
  const nlohmann::json& chat = fieldOf(tokenizerConfig, "chat_template");
  if (chat.is_string()) vocabulary.chatTemplate = chat.get<std::string>();
}

bool agrees(const GgufVocabulary& vocabulary, const Tokenizer& tokenizer) {
  try {
    const TokenizerPtr made = makeGgufTokenizer(vocabulary, "GGUF vocabulary");
    return std::all_of(kSamples.begin(), kSamples.end(),
                       [&](std::string_view sample) { return made->encode(sample) == tokenizer.encode(sample); });
  } catch (const Error&) {
    return false;
  }
}

// Names of pre-tokenizers, the likeliest first: a small vocabulary can't tell them all apart.
std::vector<std::string> preTokenizers(const nlohmann::json& root) {
  const std::string steps = fieldOf(root, "pre_tokenizer").dump();
  const auto mentions = [&steps](const char* text) { return steps.find(text) != std::string::npos; };
  const char* likeliest = mentions("{1,3}")    ? "llama-bpe"
                          : mentions("Split")  ? "qwen2"
                          : mentions("Digits") ? "smollm"
                                               : "gpt-2";
  return {likeliest, "gpt-2", "llama-bpe", "qwen2", "smollm", "default"};
}

// The first form of the vocabulary that tokenizes as the model's own files do.
void chooseForm(const Tokenizer& tokenizer, const nlohmann::json& root, const std::string& subject,
                GgufVocabulary& vocabulary) {
  if (vocabulary.model == "llama") {
    for (const bool addsSpace : {true, false}) {
      vocabulary.addsSpacePrefix = addsSpace;
      if (agrees(vocabulary, tokenizer)) return;
    }
  } else {
    for (const std::string& pre : preTokenizers(root)) {
      vocabulary.pre = pre;
      if (agrees(vocabulary, tokenizer)) return;
    }
  }
  throw failedError(subject,
                    "GGUF has no name for a tokenizer that cuts texts as this one does; choose another format");
}

// Every row of the embedding has a token, and none has none.
void fillRows(std::size_t embeddingRows, const std::string& subject, GgufVocabulary& vocabulary) {
  if (vocabulary.tokens.size() > embeddingRows)
    throw failedError(subject, "has " + std::to_string(vocabulary.tokens.size()) + " tokens, and the embedding " +
                                   std::to_string(embeddingRows) + " rows");
  while (vocabulary.tokens.size() < embeddingRows) setToken(vocabulary, vocabulary.tokens.size(), "", 0.0F, kUnused);
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    if (vocabulary.tokens[id].empty() && vocabulary.types[id] == kUnused)
      vocabulary.tokens[id] = "[PAD" + std::to_string(id) + "]";
}

}  // namespace

GgufVocabulary ggufVocabularyOf(const Checkpoint& model, std::size_t embeddingRows) {
  const fs::path& folder = model.contents().tokenizerFolder;
  const TokenizerPtr tokenizer = loadTokenizer(model);
  const nlohmann::json root = jsonOf(folder / "tokenizer.json");
  const bool hasPieces = fs::exists(folder / "tokenizer.model");
  const bool isByteLevel = root.is_object() && !hasPieces && !flagOf(fieldOf(root, "model"), "byte_fallback", false);
  try {
    GgufVocabulary vocabulary =
        hasPieces ? fromPieces(folder / "tokenizer.model") : fromTokenizerJson(root, isByteLevel);
    if (root.is_object()) addAddedTokens(root, vocabulary);
    addSpecialIds(model, jsonOf(folder / "tokenizer_config.json"), *tokenizer, vocabulary);
    fillRows(embeddingRows, folder.string(), vocabulary);
    chooseForm(*tokenizer, root, folder.string(), vocabulary);
    return vocabulary;
  } catch (const nlohmann::json::exception& error) {
    throw inputError((folder / "tokenizer.json").string(), error.what());
  }
}

}  // namespace qs
