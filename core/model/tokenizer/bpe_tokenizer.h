#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/tokenizer/added_tokens.h"
#include "core/model/tokenizer/bpe_model.h"
#include "core/model/tokenizer/normalizer.h"
#include "core/model/tokenizer/pre_tokenizer.h"
#include "core/model/tokenizer/token_decoder.h"
#include "core/model/tokenizer/tokenizer.h"

namespace qs {

/// A byte-pair tokenizer put together from its parts; every file format makes one of these.
class BpeTokenizer : public Tokenizer {
 public:
  struct Parts {
    std::string subject;  ///< file, for messages
    BpeModel model;
    std::vector<AddedToken> addedTokens;
    std::vector<NormalizerStep> normalizer;
    PreTokenizer preTokenizer;
    std::vector<DecoderStep> decoder;
    std::vector<std::string> tokens;  ///< by id; empty = no such id
    std::vector<bool> special;        ///< by id: gives no text
    std::optional<int> bosId;
    bool addsBos = false;
  };
  explicit BpeTokenizer(Parts parts);

  using Tokenizer::encode;
  [[nodiscard]] std::vector<int> encode(std::string_view text, const RunContext& context) const override;
  [[nodiscard]] std::string decode(std::span<const int> ids) const override;
  [[nodiscard]] std::string tokenText(int id) const override;
  [[nodiscard]] std::size_t idLimit() const override { return m_parts.tokens.size(); }
  [[nodiscard]] std::optional<int> bosId() const override { return m_parts.bosId; }
  [[nodiscard]] bool addsBos() const override { return m_parts.addsBos; }

 private:
  class WordCache;
  [[nodiscard]] std::string normalized(std::string text, const RunContext& context) const;
  void appendText(std::string_view text, bool startsText, WordCache& cache, std::vector<int>& ids,
                  const RunContext& context) const;
  void appendWord(std::string_view word, WordCache& cache, std::vector<int>& ids) const;
  void appendPiece(std::string_view piece, WordCache& cache, std::vector<int>& ids, const RunContext& context) const;

  Parts m_parts;
  AddedTokens m_beforeNormalizer;
  AddedTokens m_afterNormalizer;
  bool m_cutsAtSpaces = false;  ///< no merge joins a U+2581 to what stands before it
};

}  // namespace qs
