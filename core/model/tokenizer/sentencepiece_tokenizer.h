#pragma once

#include <filesystem>

#include "core/model/tokenizer/tokenizer_json.h"

namespace qs {

/// A tokenizer.model, run by the SentencePiece library. Throws Error (Input) when the file is not one.
[[nodiscard]] TokenizerPtr openSentencePiece(const std::filesystem::path& file, const TokenizerConfig& config);

}  // namespace qs
