#include "core/model/tokenizer/tokenizer.h"

#include "core/base/error.h"

namespace qs {

void checkFitsEmbedding(const Tokenizer& tokenizer, std::size_t embeddingRows, const std::string& subject) {
  if (tokenizer.idLimit() <= embeddingRows) return;
  throw inputError(subject, "the tokenizer has ids up to " + std::to_string(tokenizer.idLimit() - 1) +
                                ", the embedding only " + std::to_string(embeddingRows) + " rows");
}

}  // namespace qs
