#include "core/model/tokenizer/bpe_tokenizer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/base/error.h"
#include "core/model/tokenizer/byte_alphabet.h"
#include "core/model/tokenizer/utf8.h"

namespace qs {

namespace {

constexpr std::string_view kSpaceMark = "\u2581";

/// Whether a token has a space mark behind another character.
bool joinsSpaceMark(std::string_view token) {
  const std::size_t text = token.find_first_not_of(kSpaceMark);
  return text != std::string_view::npos && token.find(kSpaceMark, text) != std::string_view::npos;
}

constexpr std::size_t kWordsBetweenStops = 1024;

}  // namespace

/// Ids of words already seen in this text; natural text repeats its words.
class BpeTokenizer::WordCache {
 public:
  const std::vector<int>* find(const std::string& word) const {
    const auto found = m_ids.find(word);
    return found == m_ids.end() ? nullptr : &found->second;
  }
  void add(std::string word, const std::vector<int>& ids) {
    constexpr std::size_t kMostWords = 200000;
    constexpr std::size_t kLongestWord = 64;
    if (word.size() <= kLongestWord && m_ids.size() < kMostWords) m_ids.emplace(std::move(word), ids);
  }
  std::size_t words = 0;

 private:
  std::unordered_map<std::string, std::vector<int>> m_ids;
};

BpeTokenizer::BpeTokenizer(Parts parts) : m_parts(std::move(parts)) {
  std::vector<AddedToken> before;
  std::vector<AddedToken> after;
  for (const AddedToken& token : m_parts.addedTokens) {
    if (token.special) continue;  // special tokens in the text are text
    AddedToken copy = token;
    if (token.normalized) copy.content = normalized(token.content, {});
    (token.normalized ? after : before).push_back(std::move(copy));
  }
  m_beforeNormalizer = AddedTokens(std::move(before));
  m_afterNormalizer = AddedTokens(std::move(after));
  m_cutsAtSpaces = !m_parts.preTokenizer.byteLevel;
  for (const auto& [token, id] : m_parts.model.vocabulary())
    if (joinsSpaceMark(token)) m_cutsAtSpaces = false;
}

std::string BpeTokenizer::normalized(std::string text, const RunContext& context) const {
  for (const NormalizerStep& step : m_parts.normalizer) text = step(text, context);
  return text;
}

void BpeTokenizer::appendWord(std::string_view word, WordCache& cache, std::vector<int>& ids) const {
  std::string key(word);
  if (const std::vector<int>* known = cache.find(key)) {
    ids.insert(ids.end(), known->begin(), known->end());
    return;
  }
  const std::vector<int> found = m_parts.model.encode(m_parts.preTokenizer.byteLevel ? toByteAlphabet(word) : key);
  ids.insert(ids.end(), found.begin(), found.end());
  cache.add(std::move(key), found);
}

void BpeTokenizer::appendPiece(std::string_view piece, WordCache& cache, std::vector<int>& ids,
                               const RunContext& context) const {
  const auto word = [&](std::string_view text) {
    if (++cache.words % kWordsBetweenStops == 0) context.throwIfStopped();
    appendWord(text, cache, ids);
  };
  if (!m_cutsAtSpaces) return word(piece);
  std::size_t begin = 0;
  while (begin < piece.size()) {
    const std::size_t text = piece.find_first_not_of(kSpaceMark, begin);
    const std::size_t end = text == std::string_view::npos ? text : piece.find(kSpaceMark, text);
    word(piece.substr(begin, end - begin));
    begin = std::min(end, piece.size());
  }
}

void BpeTokenizer::appendText(std::string_view text, bool startsText, WordCache& cache, std::vector<int>& ids,
                              const RunContext& context) const {
  const std::string clean = normalized(std::string(text), context);
  for (const TextPart& part : m_afterNormalizer.split(clean)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
      continue;
    }
    PreTokens tokens{.pieces = {std::string(part.text)}, .startsText = startsText && part.text.data() == clean.data()};
    for (const PreTokenStep& step : m_parts.preTokenizer.steps) step(tokens, context);
    for (const std::string& piece : tokens.pieces) appendPiece(piece, cache, ids, context);
  }
}

std::vector<int> BpeTokenizer::encode(std::string_view text, const RunContext& context) const {
  if (const auto invalid = firstInvalidUtf8(text))
    throw inputError("text", "not valid UTF-8 (byte " + std::to_string(*invalid) + ")");
  std::vector<int> ids;
  WordCache cache;
  for (const TextPart& part : m_beforeNormalizer.split(text)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
    } else {
      appendText(part.text, part.text.data() == text.data(), cache, ids, context);
    }
  }
  return ids;
}

std::string BpeTokenizer::decode(std::span<const int> ids) const {
  std::vector<std::string> tokens;
  for (const int id : ids) {
    std::string token = tokenText(id);
    if (!token.empty() && !m_parts.special[static_cast<std::size_t>(id)]) tokens.push_back(std::move(token));
  }
  for (const DecoderStep& step : m_parts.decoder) step(tokens);
  std::string text;
  for (const std::string& token : tokens) text += token;
  return replaceInvalidUtf8(text);
}

std::string BpeTokenizer::tokenText(int id) const {
  const auto index = static_cast<std::size_t>(id);
  return id >= 0 && index < m_parts.tokens.size() ? m_parts.tokens[index] : std::string();
}

}  // namespace qs
