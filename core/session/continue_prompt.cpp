#include "core/session/continue_prompt.h"

#include <algorithm>
#include <span>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/model/evaluation/generate.h"
#include "core/session/run_weights.h"
#include "core/session/runnable_model.h"
#include "core/session/stored_weights.h"

namespace qs {

namespace {

std::vector<int> continueWith(const WeightProvider& weights, const RunnableModel& model, std::span<const int> prompt,
                              std::size_t tokens, const RunContext& context) {
  const TransformerRunner runner(model.spec, weights);
  std::vector<int> ids;
  inWorkerArena(context, [&] { ids = generateGreedy(runner, prompt, {.tokens = tokens}, context); });
  return ids;
}

/// Cuts the text of `prompt` + ids at tokens: decoding is only defined for a whole sequence, and a character may be
/// spread over tokens.
class TextParts {
 public:
  TextParts(const Tokenizer& tokenizer, std::span<const int> prompt, std::span<const int> ids)
      : m_tokenizer(tokenizer), m_all(prompt.begin(), prompt.end()), m_prompt(prompt.size()) {
    m_all.insert(m_all.end(), ids.begin(), ids.end());
    m_text = tokenizer.decode(m_all);
    m_begin = startOf(0);
  }

  /// Text of the ids first..last-1.
  [[nodiscard]] std::string between(std::size_t first, std::size_t last) const {
    const std::size_t from = startOf(first);
    return m_text.substr(from, startOf(last) - from);
  }

 private:
  // What the tokens before have in common with the whole: an unfinished character at their end belongs to the next.
  [[nodiscard]] std::size_t startOf(std::size_t index) const {
    const std::string before = m_tokenizer.decode(std::span(m_all).first(m_prompt + index));
    const auto end = std::mismatch(before.begin(), before.end(), m_text.begin(), m_text.end()).second;
    auto length = static_cast<std::size_t>(end - m_text.begin());
    while (length > 0 && length < m_text.size() && (static_cast<unsigned char>(m_text[length]) & 0xC0U) == 0x80U)
      --length;
    return std::max(length, m_begin);
  }

  const Tokenizer& m_tokenizer;
  std::vector<int> m_all;
  std::size_t m_prompt;
  std::string m_text;
  std::size_t m_begin = 0;
};

Continuation described(std::vector<int> ids, std::span<const int> reference, const Tokenizer& tokenizer,
                       std::span<const int> prompt) {
  const TextParts text(tokenizer, prompt, ids);
  Continuation result;
  const auto own = std::mismatch(ids.begin(), ids.end(), reference.begin(), reference.end()).first;
  const auto same = static_cast<std::size_t>(own - ids.begin());
  result.common = text.between(0, same);
  if (same < ids.size() || ids.size() < reference.size()) result.differsAt = same;
  if (same < ids.size()) {
    result.firstDifferent = text.between(same, same + 1);
    result.rest = text.between(same + 1, ids.size());
  }
  result.ids = std::move(ids);
  return result;
}

}  // namespace

std::vector<Continuation> continuePrompt(std::shared_ptr<const Checkpoint> model, const PromptRequest& request,
                                         const RunContext& context, const ContinuationObserver& observer) {
  const RunnableModel runnable = makeRunnable(std::move(model));
  const std::vector<int> prompt = promptIds(request.prompt, *runnable.tokenizer, context);
  if (context.progress != nullptr)
    context.progress->beginStage("Continuing", "tokens",
                                 static_cast<double>(request.tokens * (request.runs.size() + 1)));
  std::vector<Continuation> results;
  const auto add = [&](Continuation continuation) {
    results.push_back(std::move(continuation));
    if (observer) observer(results.size() - 1, results.back());
  };
  const StoredWeights plain(runnable.spec, *runnable.checkpoint);
  const std::vector<int> reference = continueWith(plain, runnable, prompt, request.tokens, context);
  add(described(reference, reference, *runnable.tokenizer, prompt));
  for (const StoredRunPtr& run : request.runs) {
    try {
      const RunWeights weights(runnable.spec, *runnable.checkpoint, *run->report, *run->store);
      add(described(continueWith(weights, runnable, prompt, request.tokens, context), reference, *runnable.tokenizer,
                    prompt));
    } catch (const Error& error) {
      add({.error = error.what()});
    }
  }
  return results;
}

}  // namespace qs
