#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace qs {

/// The merging part of a byte-pair tokenizer: a vocabulary and ranked merges. Immutable and thread-safe.
class BpeModel {
 public:
  struct Options {
    bool byteFallback = false;  ///< an unknown character becomes its bytes' <0xHH> tokens where all of them exist
    bool fuseUnknown = false;   ///< a run of unknown characters is one unknown token
    bool ignoreMerges = false;  ///< a word that is a token is that token, whatever the merges say
    std::optional<int> unknownId;
  };
  struct Merge {
    std::string left;
    std::string right;
    std::uint32_t rank = 0;  ///< lower merges first; equal ranks leftmost first
  };
  using Vocabulary = std::unordered_map<std::string, int>;

  /// Throws Error (Input) for a merge whose parts or result are not in the vocabulary. `subject` names the file.
  BpeModel(Vocabulary vocabulary, std::span<const Merge> merges, Options options, const std::string& subject);

  /// Ids of one pre-token (valid UTF-8): the lowest-ranked applicable merge again and again. Time n·log n.
  [[nodiscard]] std::vector<int> encode(std::string_view word) const;
  [[nodiscard]] std::optional<int> find(std::string_view token) const;
  [[nodiscard]] const Vocabulary& vocabulary() const { return m_vocabulary; }

 private:
  struct Result {
    std::uint32_t rank = 0;
    int id = 0;
  };
  [[nodiscard]] const Result* mergeOf(int left, int right) const;
  [[nodiscard]] std::vector<int> characters(std::string_view word) const;
  void appendCharacter(std::string_view character, std::vector<int>& ids) const;
  [[nodiscard]] std::vector<int> merged(const std::vector<int>& ids) const;

  Vocabulary m_vocabulary;
  std::unordered_map<std::uint64_t, Result> m_merges;
  Options m_options;
};

/// Merges of a vocabulary that has scores instead (SentencePiece's BPE): every way to put a token together from two
/// others, ranked by the token's score, highest first.
[[nodiscard]] std::vector<BpeModel::Merge> mergesOfScores(const std::vector<std::pair<std::string, float>>& tokens);

}  // namespace qs
