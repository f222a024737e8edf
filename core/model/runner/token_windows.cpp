#include "core/model/runner/token_windows.h"

#include <algorithm>

#include "core/base/error.h"

namespace qs {

namespace {

constexpr std::size_t kLargestDefaultWindow = 2048;
constexpr std::size_t kDefaultTokens = 65536;

std::size_t windowOf(const ArchitectureSpec& spec, std::size_t bos, const WindowChoice& choice) {
  const std::size_t fits = spec.contextLength - std::min(bos, spec.contextLength);
  const std::size_t window = choice.window == 0 ? std::min(fits, kLargestDefaultWindow) : choice.window;
  if (window < 2 && bos == 0) throw requestError("window", "must be at least 2 tokens without BOS");
  if (window == 0 || window > fits)
    throw requestError("window", std::to_string(window) + " tokens don't fit the model's context of " +
                                     std::to_string(spec.contextLength) + (bos != 0 ? " positions with BOS" : ""));
  return window;
}

void checkIds(std::span<const int> ids, const ArchitectureSpec& spec) {
  for (const int id : ids)
    if (id < 0 || static_cast<std::size_t>(id) >= spec.vocabSize)
      throw inputError(spec.modelName, "the tokenizer gives id " + std::to_string(id) + ", the embedding has only " +
                                           std::to_string(spec.vocabSize) + " rows");
}

}  // namespace

TokenWindows TokenWindows::slice(std::size_t first, std::size_t number) const {
  const auto part = [&](const std::vector<int>& all) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first * length);
    return std::vector<int>(begin, begin + static_cast<std::ptrdiff_t>(number * length));
  };
  return {.length = length, .inputs = part(inputs), .targets = part(targets), .windowSize = windowSize};
}

TokenWindows cutWindows(std::span<const int> ids, const ArchitectureSpec& spec, std::optional<int> bosId,
                        const WindowChoice& choice, const std::string& textName) {
  const std::size_t window = windowOf(spec, bosId ? 1 : 0, choice);
  if (ids.size() < window)
    throw inputError(textName, "the text has only " + std::to_string(ids.size()) +
                                   " tokens, fewer than one window of " + std::to_string(window));
  const std::size_t most =
      choice.maxWindows == 0 ? std::max<std::size_t>(1, kDefaultTokens / window) : choice.maxWindows;
  const std::size_t count = std::min(ids.size() / window, most);
  ids = ids.first(count * window);
  checkIds(ids, spec);
  // The last token of a window is only predicted with BOS, and never read: without BOS the first is only read.
  TokenWindows result{.length = bosId ? window : window - 1, .windowSize = window};
  for (std::size_t w = 0; w < count; ++w) {
    const auto tokens = ids.subspan(w * window, window);
    if (bosId) result.inputs.push_back(*bosId);
    result.inputs.insert(result.inputs.end(), tokens.begin(), tokens.end() - 1);
    result.targets.insert(result.targets.end(), tokens.begin() + (bosId ? 0 : 1), tokens.end());
  }
  return result;
}

TokenWindows textWindows(std::string_view text, const Tokenizer& tokenizer, const ArchitectureSpec& spec,
                         const WindowChoice& choice, const std::string& textName, const RunContext& context) {
  checkFitsEmbedding(tokenizer, spec.vocabSize, spec.modelName);
  const std::vector<int> ids = tokenizer.encode(text, context);
  const std::optional<int> bos = tokenizer.addsBos() ? tokenizer.bosId() : std::nullopt;
  return cutWindows(ids, spec, bos, choice, textName);
}

}  // namespace qs
