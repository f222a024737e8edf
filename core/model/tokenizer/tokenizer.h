#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/run_context.h"

namespace qs {

/// Text to token ids and back. Immutable and thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  Tokenizer() = default;
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;
  Tokenizer(Tokenizer&&) = delete;
  Tokenizer& operator=(Tokenizer&&) = delete;

  /// Token ids of UTF-8 text: no BOS or EOS added, special tokens in the text not recognised as such. Throws Error
  /// (Input) for invalid UTF-8, naming the byte; Cancelled.
  [[nodiscard]] virtual std::vector<int> encode(std::string_view text, const RunContext& context) const = 0;
  [[nodiscard]] std::vector<int> encode(std::string_view text) const { return encode(text, {}); }
  /// Text of the ids; special tokens and ids without a token give nothing. Bytes that aren't valid UTF-8 become U+FFFD.
  [[nodiscard]] virtual std::string decode(std::span<const int> ids) const = 0;
  /// The token as it is spelled in the vocabulary; empty where the id has none.
  [[nodiscard]] virtual std::string tokenText(int id) const = 0;
  /// Largest id plus one: the embedding must have at least as many rows.
  [[nodiscard]] virtual std::size_t idLimit() const = 0;
  /// Id of the BOS token, where the files name one.
  [[nodiscard]] virtual std::optional<int> bosId() const = 0;
  /// Whether texts begin with BOS: the post-processor starts with it, or add_bos_token is true. A mere bos_token
  /// doesn't count.
  [[nodiscard]] virtual bool addsBos() const = 0;
};
using TokenizerPtr = std::shared_ptr<const Tokenizer>;

/// Throws Error (Input) unless every id of the tokenizer has a row in an embedding of `embeddingRows`.
void checkFitsEmbedding(const Tokenizer& tokenizer, std::size_t embeddingRows, const std::string& subject);

}  // namespace qs
