#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/run_context.h"

namespace qs {

/// Text cut into pieces that merging never crosses.
struct PreTokens {
  std::vector<std::string> pieces;
  bool startsText = true;  ///< the first piece begins the text (no added token stands before it)
};

/// A step that cuts the pieces further or rewrites them. Thread-safe.
using PreTokenStep = std::function<void(PreTokens&, const RunContext&)>;

/// A tokenizer.json's "pre_tokenizer" (null: none): ByteLevel, Split, Metaspace, Digits, Punctuation, Whitespace,
/// WhitespaceSplit, Sequence. Throws Error (Input) for one that isn't supported.
struct PreTokenizer {
  std::vector<PreTokenStep> steps;
  bool byteLevel = false;  ///< the model sees the pieces' bytes as characters of the byte alphabet
};
[[nodiscard]] PreTokenizer parsePreTokenizer(const nlohmann::json& preTokenizer, const std::string& subject);

/// Cuts at the matches of a pattern and keeps them as pieces of their own.
[[nodiscard]] PreTokenStep splitIsolated(const std::string& pattern, const std::string& subject);

/// The pattern of GPT-2's tokenizer, which ByteLevel uses by default.
[[nodiscard]] const std::string& gpt2Pattern();

}  // namespace qs
