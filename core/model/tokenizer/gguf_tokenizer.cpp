#include "core/model/tokenizer/gguf_tokenizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/model/tokenizer/bpe_tokenizer.h"
#include "core/model/tokenizer/byte_alphabet.h"
#include "core/model/tokenizer/utf8.h"

namespace qs {

namespace {

constexpr int kUnknown = 2;
constexpr int kControl = 3;
constexpr int kUserDefined = 4;
constexpr int kUnused = 5;

struct PrePattern {
  std::vector<std::string> names;
  std::vector<std::string> patterns;
  bool ignoreMerges = false;
};

/// Patterns that the pre-tokenizers' names stand for.
const std::vector<PrePattern>& prePatterns() {
  static const std::string tail = R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static const std::string head = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
  static const std::vector<PrePattern> table{
      {{"gpt-2", "gpt2", "phi-2", "jina-es", "jina-de", "roberta-bpe", "mpt", "olmo"}, {gpt2Pattern()}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "dbrx", "smaug-bpe"}, {head + R"(\p{N}{1,3}|)" + tail}, true},
      {{"qwen2", "deepseek-r1-qwen", "stablelm2"}, {head + R"(\p{N}|)" + tail}},
      {{"smollm", "starcoder", "refact", "command-r"}, {R"(\p{N})", gpt2Pattern()}},
      {{"default", ""},
       {R"([\p{P}\$\+<=>\^~\|]+)", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))",
        R"(\p{N}+)", "[0-9][0-9][0-9]"}},
  };
  return table;
}

const PrePattern& prePattern(const std::string& name, const std::string& subject) {
  for (const PrePattern& entry : prePatterns())
    for (const std::string& known : entry.names)
      if (known == name) return entry;
  throw inputError(subject, "the pre-tokenizer \"" + name + "\" is not supported");
}

int typeOf(const GgufVocabulary& vocabulary, std::size_t id) {
  return vocabulary.types.empty() ? 1 : vocabulary.types[id];
}

/// Tokens that text can become: neither control tokens nor unused ones.
BpeModel::Vocabulary textTokens(const GgufVocabulary& vocabulary) {
  BpeModel::Vocabulary result;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const int type = typeOf(vocabulary, i);
    if (type != kControl && type != kUnused) result.emplace(vocabulary.tokens[i], static_cast<int>(i));
  }
  return result;
}

std::vector<AddedToken> userTokens(const GgufVocabulary& vocabulary) {
  std::vector<AddedToken> result;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i)
    if (typeOf(vocabulary, i) == kUserDefined)
      result.push_back({.id = static_cast<int>(i), .content = vocabulary.tokens[i]});
  return result;
}

BpeModel sentencePieceModel(const GgufVocabulary& vocabulary, const std::string& subject) {
  BpeModel::Vocabulary known = textTokens(vocabulary);
  std::vector<std::pair<std::string, float>> scored;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i)
    if (typeOf(vocabulary, i) == 1) scored.emplace_back(vocabulary.tokens[i], vocabulary.scores[i]);
  BpeModel::Options options{.byteFallback = true, .unknownId = vocabulary.unknownId};
  for (std::size_t i = 0; i < vocabulary.tokens.size() && !options.unknownId; ++i)
    if (typeOf(vocabulary, i) == kUnknown) options.unknownId = static_cast<int>(i);
  const std::vector<BpeModel::Merge> merges = mergesOfScores(scored);
  return {std::move(known), merges, options, subject};
}

BpeModel byteLevelModel(const GgufVocabulary& vocabulary, bool ignoreMerges, const std::string& subject) {
  std::vector<BpeModel::Merge> merges;
  for (const std::string& text : vocabulary.merges) {
    const std::size_t space = text.find(' ', 1);
    if (space == std::string::npos) throw inputError(subject, "tokenizer.ggml.merges: no space in \"" + text + "\"");
    merges.push_back({text.substr(0, space), text.substr(space + 1), static_cast<std::uint32_t>(merges.size())});
  }
  return {textTokens(vocabulary), merges, {.ignoreMerges = ignoreMerges}, subject};
}

BpeTokenizer::Parts sentencePieceParts(const GgufVocabulary& vocabulary, const std::string& subject) {
  BpeTokenizer::Parts parts{.subject = subject, .model = sentencePieceModel(vocabulary, subject)};
  const bool prefix = vocabulary.addsSpacePrefix.value_or(true);
  if (prefix)
    parts.normalizer.emplace_back(
        [](const std::string& text, const RunContext&) { return text.empty() ? text : " " + text; });
  parts.normalizer.emplace_back(
      [](const std::string& text, const RunContext&) { return replaceText(text, " ", "\u2581"); });
  parts.decoder = sentencePieceDecoder(prefix);
  parts.addsBos = vocabulary.addsBos.value_or(true);
  return parts;
}

BpeTokenizer::Parts byteLevelParts(const GgufVocabulary& vocabulary, const std::string& subject) {
  const PrePattern& pre = prePattern(vocabulary.pre, subject);
  BpeTokenizer::Parts parts{.subject = subject, .model = byteLevelModel(vocabulary, pre.ignoreMerges, subject)};
  parts.preTokenizer.byteLevel = true;
  for (const std::string& pattern : pre.patterns) parts.preTokenizer.steps.push_back(splitIsolated(pattern, subject));
  parts.decoder = {byteLevelDecoder()};
  parts.addsBos = vocabulary.addsBos.value_or(pre.ignoreMerges);  // Llama 3's begin with BOS when the file is silent
  return parts;
}

void checkLengths(const GgufVocabulary& vocabulary, const std::string& subject) {
  const auto expect = [&](const char* key, std::size_t got) {
    if (got != vocabulary.tokens.size())
      throw mismatchError(subject, key, std::to_string(vocabulary.tokens.size()), std::to_string(got));
  };
  if (!vocabulary.types.empty()) expect("tokenizer.ggml.token_type entries", vocabulary.types.size());
  if (vocabulary.model == "llama") expect("tokenizer.ggml.scores entries", vocabulary.scores.size());
}

// Texts are trusted from here on. Old files have raw bytes as byte tokens.
GgufVocabulary withCheckedTokens(GgufVocabulary vocabulary, const std::string& subject) {
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    std::string& token = vocabulary.tokens[i];
    if (!firstInvalidUtf8(token)) continue;
    if (token.size() != 1 || typeOf(vocabulary, i) == kUserDefined)
      throw inputError(subject, "tokenizer.ggml.tokens: token " + std::to_string(i) + " is not valid UTF-8");
    const auto byte = static_cast<unsigned char>(token.front());
    token = vocabulary.model == "llama" ? fallbackToken(byte) : byteCharacter(byte);
  }
  if (std::ranges::any_of(vocabulary.scores, [](float score) { return std::isnan(score); }))
    throw inputError(subject, "tokenizer.ggml.scores: a score is not a number");
  return vocabulary;
}

}  // namespace

TokenizerPtr makeGgufTokenizer(const GgufVocabulary& vocabulary, const std::string& subject) {
  checkLengths(vocabulary, subject);
  const GgufVocabulary checked = withCheckedTokens(vocabulary, subject);
  if (checked.model != "llama" && checked.model != "gpt2")
    throw inputError(subject, "a tokenizer of kind \"" + checked.model + "\" is not supported (llama, gpt2)");
  BpeTokenizer::Parts parts =
      checked.model == "llama" ? sentencePieceParts(checked, subject) : byteLevelParts(checked, subject);
  parts.addedTokens = userTokens(checked);
  parts.tokens = checked.tokens;
  for (std::size_t i = 0; i < checked.tokens.size(); ++i)
    parts.special.push_back(typeOf(checked, i) == kControl || typeOf(checked, i) == kUnknown);
  parts.bosId = checked.bosId;
  parts.addsBos = parts.addsBos && parts.bosId.has_value();
  return std::make_shared<BpeTokenizer>(std::move(parts));
}

}  // namespace qs
