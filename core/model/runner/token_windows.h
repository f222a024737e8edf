#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "core/model/architecture_spec.h"
#include "core/model/tokenizer/tokenizer.h"

namespace qs {

/// Windows of equal length as the model reads them, one after the other.
struct TokenWindows {
  std::size_t length = 0;      ///< tokens that the model reads in each window
  std::vector<int> inputs;     ///< [windows · length]
  std::vector<int> targets;    ///< [windows · length] token that follows each input; −1 = not predicted
  std::size_t windowSize = 0;  ///< W of the protocol: tokens of text in a window

  [[nodiscard]] std::size_t count() const { return length == 0 ? 0 : inputs.size() / length; }
  /// Windows first..first+number-1.
  [[nodiscard]] TokenWindows slice(std::size_t first, std::size_t number) const;
};

/// Which part of a text to run; 0 = the default.
struct WindowChoice {
  std::size_t window = 0;      ///< W; default: the largest that fits the context, at most 2,048
  std::size_t maxWindows = 0;  ///< default: all up to 65,536 tokens
};

/// Cuts token ids for perplexity: consecutive windows of W tokens, a shorter last one dropped, BOS in front
/// of each and beside the W tokens where `bosId` is given. Throws Error (Request) when W doesn't fit the context,
/// (Input) when the text is shorter than one window or an id has no row in the embedding. `textName` names the text.
[[nodiscard]] TokenWindows cutWindows(std::span<const int> ids, const ArchitectureSpec& spec, std::optional<int> bosId,
                                      const WindowChoice& choice, const std::string& textName);

/// Tokenizes and cuts. Throws Error (Input) for invalid UTF-8 and for a tokenizer that doesn't fit the embedding.
[[nodiscard]] TokenWindows textWindows(std::string_view text, const Tokenizer& tokenizer, const ArchitectureSpec& spec,
                                       const WindowChoice& choice, const std::string& textName,
                                       const RunContext& context);

}  // namespace qs
