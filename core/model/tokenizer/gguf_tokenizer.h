#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/io/formats/gguf_metadata.h"
#include "core/model/tokenizer/tokenizer.h"

namespace qs {

/// A GGUF's tokenizer as its metadata gives it (keys tokenizer.ggml.*).
struct GgufVocabulary {
  std::string model;                ///< tokenizer.ggml.model: "llama" or "gpt2"
  std::string pre;                  ///< tokenizer.ggml.pre
  std::vector<std::string> tokens;  ///< by id
  std::vector<float> scores;        ///< by id ("llama")
  std::vector<int> types;  ///< by id: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; may be empty
  std::vector<std::string> merges;  ///< "a b", in rank order ("gpt2")
  std::optional<int> bosId;
  std::optional<int> eosId;
  std::optional<int> unknownId;
  std::optional<int> paddingId;
  std::optional<bool> addsBos;
  std::optional<bool> addsEos;
  std::optional<bool> addsSpacePrefix;
  std::string chatTemplate;  ///< empty = none
};

/// The vocabulary that a GGUF file's metadata holds; `model` is empty where it has none. Throws Error (Input) for token
/// types that are none; texts and lengths are checked where a tokenizer is made.
[[nodiscard]] GgufVocabulary ggufVocabulary(const GgufMetadata& metadata, const std::string& subject);

/// The vocabulary that a GGUF file needs to tokenize as this model's tokenizer files do: every row of the embedding has
/// a token (unused ones are filled up), and a tokenizer made from it agrees with the files' own on a text of samples.
/// Throws Error (Failed) where no kind or pre-tokenizer that GGUF has a name for does; Error (Input) for malformed
/// files.
[[nodiscard]] GgufVocabulary ggufVocabularyOf(const Checkpoint& model, std::size_t embeddingRows);

/// Throws Error (Input) for a kind or pre-tokenizer that isn't supported, lists of unequal length, scores that are NaN,
/// and tokens that aren't valid UTF-8; those of a single byte may be any.
[[nodiscard]] TokenizerPtr makeGgufTokenizer(const GgufVocabulary& vocabulary, const std::string& subject);

}  // namespace qs
