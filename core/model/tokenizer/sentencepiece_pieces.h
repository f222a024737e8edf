#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace qs {

/// A piece of a SentencePiece model, with GGUF's number for its kind (tokenizer.ggml.token_type).
struct SentencePiecePiece {
  std::string text;
  float score = 0;
  int type = 1;  ///< 1 normal, 2 unknown, 3 control, 5 unused, 6 byte
};

/// The pieces of a tokenizer.model by id. Throws Error (Input) when the file is not one.
[[nodiscard]] std::vector<SentencePiecePiece> sentencePiecePieces(const std::filesystem::path& file);

}  // namespace qs
