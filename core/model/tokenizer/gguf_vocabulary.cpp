#include "core/model/tokenizer/gguf_tokenizer.h"

namespace qs {

namespace {

std::optional<int> idOf(const GgufMetadata& metadata, std::string_view key, std::size_t tokens) {
  const std::optional<std::int64_t> id = metadata.integer(key);
  // Writers put 2^32 − 1 where a special token doesn't exist.
  if (!id || *id < 0 || static_cast<std::uint64_t>(*id) >= tokens) return std::nullopt;
  return static_cast<int>(*id);
}

}  // namespace

GgufVocabulary ggufVocabulary(const GgufMetadata& metadata) {
  GgufVocabulary vocabulary;
  vocabulary.model = metadata.text("tokenizer.ggml.model").value_or("");
  vocabulary.pre = metadata.text("tokenizer.ggml.pre").value_or("");
  vocabulary.tokens = metadata.texts("tokenizer.ggml.tokens");
  vocabulary.merges = metadata.texts("tokenizer.ggml.merges");
  for (const double score : metadata.numbers("tokenizer.ggml.scores"))
    vocabulary.scores.push_back(static_cast<float>(score));
  for (const double type : metadata.numbers("tokenizer.ggml.token_type"))
    vocabulary.types.push_back(static_cast<int>(type));
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
