#pragma once

#include <string>
#include <string_view>

#include "core/model/tokenizer/tokenizer.h"

namespace qs {

/// What tokenizer_config.json (may be empty) adds to a tokenizer's own file. Throws Error (Input) for invalid JSON.
struct TokenizerConfig {
  std::string bosToken;  ///< empty = none
  std::optional<bool> addsBos;
  std::string tokenizerClass;
};
[[nodiscard]] TokenizerConfig parseTokenizerConfig(std::string_view json, const std::string& subject);

/// A tokenizer.json of type BPE, as Hugging Face's tokenizers write it. Throws Error (Input) for other types, malformed
/// files, and normalizers or pre-tokenizers that aren't supported.
[[nodiscard]] TokenizerPtr parseTokenizerJson(std::string_view json, const TokenizerConfig& config,
                                              const std::string& subject);

}  // namespace qs
