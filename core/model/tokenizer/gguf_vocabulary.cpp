#include "core/model/tokenizer/gguf_tokenizer.h"

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/number_text.h"

namespace qs {

namespace {

std::optional<int> idOf(const GgufMetadata& metadata, std::string_view key, std::size_t tokens) {
  const std::optional<std::int64_t> id = metadata.integer(key);
  // Writers put 2^32 − 1 where a special token doesn't exist.
  if (!id || *id < 0 || static_cast<std::uint64_t>(*id) >= tokens) return std::nullopt;
  return static_cast<int>(*id);
}

// Beyond F32 it is infinite.
float scoreOf(double value) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (std::abs(value) > kLargest)
    return std::copysign(std::numeric_limits<float>::infinity(), value < 0 ? -1.0F : 1.0F);
  return static_cast<float>(value);
}

int typeOf(double value, const std::string& subject) {
  constexpr double kMostTypes = 1000;
  if (value >= 0 && value < kMostTypes) return static_cast<int>(value);
  throw mismatchError(subject, "tokenizer.ggml.token_type", "whole numbers from 0 on", roundedText(value, 6));
}

}  // namespace

GgufVocabulary ggufVocabulary(const GgufMetadata& metadata, const std::string& subject) {
  GgufVocabulary vocabulary;
  vocabulary.model = metadata.text("tokenizer.ggml.model").value_or("");
  vocabulary.pre = metadata.text("tokenizer.ggml.pre").value_or("");
  vocabulary.tokens = metadata.texts("tokenizer.ggml.tokens");
  vocabulary.merges = metadata.texts("tokenizer.ggml.merges");
  for (const double score : metadata.numbers("tokenizer.ggml.scores")) vocabulary.scores.push_back(scoreOf(score));
  for (const double type : metadata.numbers("tokenizer.ggml.token_type"))
    vocabulary.types.push_back(typeOf(type, subject));
  vocabulary.bosId = idOf(metadata, "tokenizer.ggml.bos_token_id", vocabulary.tokens.size());
  vocabulary.eosId = idOf(metadata, "tokenizer.ggml.eos_token_id", vocabulary.tokens.size());
  vocabulary.paddingId = idOf(metadata, "tokenizer.ggml.padding_token_id", vocabulary.tokens.size());
  vocabulary.unknownId = idOf(metadata, "tokenizer.ggml.unknown_token_id", vocabulary.tokens.size());
  vocabulary.addsBos = metadata.flag("tokenizer.ggml.add_bos_token");
  vocabulary.addsEos = metadata.flag("tokenizer.ggml.add_eos_token");
  vocabulary.addsSpacePrefix = metadata.flag("tokenizer.ggml.add_space_prefix");
  vocabulary.chatTemplate = metadata.text("tokenizer.chat_template").value_or("");
  return vocabulary;
}

}  // namespace qs
