#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/model/runner/transformer_runner.h"
#include "core/model/tokenizer/tokenizer.h"

namespace qs {

struct GenerationOptions {
  std::size_t tokens = 64;
  bool stopsAtEos = true;
  std::size_t weightBytes = std::size_t{2} << 30U;  ///< weights kept in memory between tokens; the rest is read again
};

/// Token ids of a prompt with BOS in front where the model begins texts with it.
[[nodiscard]] std::vector<int> promptIds(std::string_view prompt, const Tokenizer& tokenizer,
                                         const RunContext& context);

/// The greedy continuation: the likeliest next token again and again (the lowest id among equals), until the count, an
/// EOS token or the end of the context. Progress advances by 1 a token. Throws Error (Request) for an empty prompt or
/// one that fills the context.
[[nodiscard]] std::vector<int> generateGreedy(const TransformerRunner& model, std::span<const int> prompt,
                                              const GenerationOptions& options, const RunContext& context);

}  // namespace qs
