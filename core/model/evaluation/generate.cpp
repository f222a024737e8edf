#include "core/model/evaluation/generate.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/model/runner/checkpoint_weights.h"

namespace qs {

namespace {

/// A sequence that grows token by token.
class CachedSequence {
 public:
  CachedSequence(const TransformerRunner& model, std::size_t capacity) : m_model(model) {
    const ArchitectureSpec& spec = model.spec();
    for (std::size_t i = 0; i < spec.blocks.size(); ++i)
      m_caches.push_back({.keys = Matrix(capacity, spec.kvHeads * spec.headDim),
                          .values = Matrix(capacity, spec.kvHeads * spec.headDim)});
  }

  /// Reads more ids; the likeliest next one.
  int next(std::span<const int> ids, const RunContext& context) {
    Matrix states = m_model.embed(ids, ids.size(), m_length, context);
    for (std::size_t i = 0; i < m_caches.size(); ++i) m_model.runBlockCached(i, states.span(), m_caches[i], context);
    m_length += ids.size();
    const Matrix rows = m_model.headInputs(states.view().middleRows(states.rows() - 1, 1), 1, context);
    const Matrix logits = m_model.logits(rows.view(), context);
    const auto best = std::max_element(logits.values().begin(), logits.values().end());
    return static_cast<int>(best - logits.values().begin());
  }

 private:
  const TransformerRunner& m_model;
  std::vector<KvCache> m_caches;
  std::size_t m_length = 0;
};

void checkIds(std::span<const int> ids, const ArchitectureSpec& spec) {
  if (ids.empty()) throw requestError("prompt", "is empty");
  for (const int id : ids)
    if (id < 0 || static_cast<std::size_t>(id) >= spec.vocabSize)
      throw inputError(spec.modelName, "the tokenizer gives id " + std::to_string(id) + ", the embedding has only " +
                                           std::to_string(spec.vocabSize) + " rows");
}

void checkPrompt(std::span<const int> prompt, const ArchitectureSpec& spec) {
  checkIds(prompt, spec);
  if (prompt.size() >= spec.contextLength)
    throw requestError("prompt", std::to_string(prompt.size()) + " tokens leave no room in the model's context of " +
                                     std::to_string(spec.contextLength));
}

}  // namespace

std::vector<int> promptIds(std::string_view prompt, const Tokenizer& tokenizer, const RunContext& context) {
  std::vector<int> ids = tokenizer.encode(prompt, context);
  if (tokenizer.addsBos() && tokenizer.bosId()) ids.insert(ids.begin(), *tokenizer.bosId());
  return ids;
}

std::vector<int> generateGreedy(const TransformerRunner& model, std::span<const int> prompt,
                                const GenerationOptions& options, const RunContext& context) {
  const ArchitectureSpec& spec = model.spec();
  checkPrompt(prompt, spec);
  const CachedWeights weights(model.weights(), options.weightBytes);
  const TransformerRunner cached(spec, weights);
  const std::size_t count = std::min(options.tokens, spec.contextLength - prompt.size());
  CachedSequence sequence(cached, prompt.size() + count);
  RunContext inner = context;
  inner.progress = nullptr;  // units here are tokens, not blocks
  std::vector<int> result;
  std::vector<int> pending(prompt.begin(), prompt.end());
  while (result.size() < count) {
    const int id = sequence.next(pending, inner);
    if (options.stopsAtEos && std::find(spec.eosIds.begin(), spec.eosIds.end(), id) != spec.eosIds.end()) break;
    result.push_back(id);
    pending = {id};
    context.advance(1);
  }
  return result;
}

}  // namespace qs
