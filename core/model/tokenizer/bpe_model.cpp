#include "core/model/tokenizer/bpe_model.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "core/base/error.h"
#include "core/model/tokenizer/byte_alphabet.h"
#include "core/model/tokenizer/utf8.h"

namespace qs {

namespace {

std::uint64_t pairKey(int left, int right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32U) | static_cast<std::uint32_t>(right);
}

/// A merge that was applicable when it was found; whether it still is shows by the ids at its place.
struct Candidate {
  std::uint32_t rank;
  std::uint32_t place;
  int left;
  int right;
  int result;
  bool operator>(const Candidate& other) const { return std::tie(rank, place) > std::tie(other.rank, other.place); }
};

constexpr std::uint32_t kNone = 0xFFFFFFFFU;

/// A symbol of a word in a doubly linked list over an array.
struct Symbol {
  int id;
  std::uint32_t before;
  std::uint32_t after;
  bool alive = true;
};

std::vector<Symbol> chain(const std::vector<int>& ids) {
  std::vector<Symbol> symbols;
  symbols.reserve(ids.size());
  for (std::uint32_t i = 0; i < ids.size(); ++i)
    symbols.push_back({ids[i], i == 0 ? kNone : i - 1, i + 1 == ids.size() ? kNone : i + 1});
  return symbols;
}

}  // namespace

BpeModel::BpeModel(Vocabulary vocabulary, std::span<const Merge> merges, Options options, const std::string& subject)
    : m_vocabulary(std::move(vocabulary)), m_options(options) {
  m_merges.reserve(merges.size());
  for (const Merge& merge : merges) {
    const auto left = find(merge.left);
    const auto right = find(merge.right);
    const auto result = find(merge.left + merge.right);
    if (!left || !right || !result)
      throw inputError(subject, "the merge \"" + merge.left + " " + merge.right +
                                    "\" has a part or result that is not in the vocabulary");
    m_merges.emplace(pairKey(*left, *right), Result{merge.rank, *result});
  }
}

std::optional<int> BpeModel::find(std::string_view token) const {
  const auto found = m_vocabulary.find(std::string(token));
  return found == m_vocabulary.end() ? std::nullopt : std::optional(found->second);
}

const BpeModel::Result* BpeModel::mergeOf(int left, int right) const {
  const auto found = m_merges.find(pairKey(left, right));
  return found == m_merges.end() ? nullptr : &found->second;
}

void BpeModel::appendCharacter(std::string_view character, std::vector<int>& ids) const {
  if (const auto id = find(character)) return ids.push_back(*id);
  if (m_options.byteFallback) {
    std::vector<int> bytes;
    for (const char byte : character)
      if (const auto id = find(fallbackToken(static_cast<unsigned char>(byte)))) bytes.push_back(*id);
    if (bytes.size() == character.size()) {
      ids.insert(ids.end(), bytes.begin(), bytes.end());
      return;
    }
  }
  if (!m_options.unknownId) return;
  if (m_options.fuseUnknown && !ids.empty() && ids.back() == *m_options.unknownId) return;
  ids.push_back(*m_options.unknownId);
}

std::vector<int> BpeModel::characters(std::string_view word) const {
  std::vector<int> ids;
  ids.reserve(word.size());
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t length = utf8Length(word[at]);
    appendCharacter(word.substr(at, length), ids);
    at += length;
  }
  return ids;
}

std::vector<int> BpeModel::merged(const std::vector<int>& ids) const {
  std::vector<Symbol> symbols = chain(ids);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](std::uint32_t place) {
    if (place == kNone || symbols[place].after == kNone) return;
    const int left = symbols[place].id;
    const int right = symbols[symbols[place].after].id;
    if (const Result* merge = mergeOf(left, right)) queue.push({merge->rank, place, left, right, merge->id});
  };
  for (std::uint32_t i = 0; i < symbols.size(); ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.place];
    if (!left.alive || left.id != best.left || left.after == kNone || symbols[left.after].id != best.right) continue;
    symbols[left.after].alive = false;
    left.id = best.result;
    left.after = symbols[left.after].after;
    if (left.after != kNone) symbols[left.after].before = best.place;
    consider(left.before);
    consider(best.place);
  }
  std::vector<int> result;
  for (const Symbol& symbol : symbols)
    if (symbol.alive) result.push_back(symbol.id);
  return result;
}

std::vector<int> BpeModel::encode(std::string_view word) const {
  if (m_options.ignoreMerges)
    if (const auto whole = find(word)) return {*whole};
  return merged(characters(word));
}

std::vector<BpeModel::Merge> mergesOfScores(const std::vector<std::pair<std::string, float>>& tokens) {
  std::vector<float> scores;
  std::unordered_map<std::string_view, bool> known;
  for (const auto& [text, score] : tokens) {
    known.emplace(text, true);
    scores.push_back(score);
  }
  std::sort(scores.begin(), scores.end(), std::greater<>());
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  std::vector<BpeModel::Merge> merges;
  for (const auto& [text, score] : tokens) {
    const auto rank = std::lower_bound(scores.begin(), scores.end(), score, std::greater<>()) - scores.begin();
    for (std::size_t at = 0; at < text.size(); at += utf8Length(text[at])) {
      const std::string_view left = std::string_view(text).substr(0, at);
      const std::string_view right = std::string_view(text).substr(at);
      if (known.contains(left) && known.contains(right))
        merges.push_back({std::string(left), std::string(right), static_cast<std::uint32_t>(rank)});
    }
  }
  return merges;
}

}  // namespace qs
