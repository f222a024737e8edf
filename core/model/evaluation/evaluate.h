#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>

#include "core/base/run_context.h"
#include "core/model/runner/token_windows.h"
#include "core/model/runner/transformer_runner.h"

namespace qs {

/// A model measured against another over the same text. Divergences are KL(reference ‖ model) in nats, a position each.
struct ReferenceComparison {
  double referencePerplexity = 0;
  double meanDivergence = 0;
  double medianDivergence = 0;
  double p999Divergence = 0;  ///< 99.9th percentile
  double top1Agreement = 0;   ///< share of positions where both put the same token first
};

/// Perplexity over consecutive windows without overlap, as cutWindows() makes them.
struct Evaluation {
  double perplexity = 0;
  double perplexityStderr = 0;  ///< perplexity · standard deviation of the windows' mean losses / √windows; 0 for one
  double nllPerToken = 0;
  std::size_t tokens = 0;  ///< predicted
  std::size_t windows = 0;
  std::size_t window = 0;  ///< W
  std::optional<ReferenceComparison> reference;
};

struct EvaluationOptions {
  std::size_t stateBytes = std::size_t{160} << 20U;  ///< cap of each model's hidden states; more windows go in rounds
};

/// The reference's part of evaluations, kept between them while it fits: comparing seven methods runs it once. The
/// windows must be the same in every evaluation that it serves. For one thread at a time.
class ReferenceRun {
 public:
  explicit ReferenceRun(const TransformerRunner& runner, std::size_t keepBytes = std::size_t{256} << 20U)
      : m_runner(runner), m_keepBytes(keepBytes) {}
  [[nodiscard]] const TransformerRunner& runner() const { return m_runner; }
  /// Head inputs of windows first..first+count-1.
  [[nodiscard]] std::shared_ptr<const Matrix> headInputs(const TokenWindows& windows, std::size_t first,
                                                         std::size_t count, const RunContext& context);

 private:
  const TransformerRunner& m_runner;
  std::size_t m_keepBytes;
  std::size_t m_usedBytes = 0;
  std::map<std::size_t, std::shared_ptr<const Matrix>> m_kept;  ///< by first window
};

/// Runs the model over the windows, and the reference where one is given. Progress advances by 1 a block and round
/// (evaluationUnits in all). Throws Error (Failed) that names the block for NaN; Cancelled.
[[nodiscard]] Evaluation evaluate(const TransformerRunner& model, const TokenWindows& windows, ReferenceRun* reference,
                                  const RunContext& context, const EvaluationOptions& options = {});

/// Windows that go through the blocks together.
[[nodiscard]] std::size_t windowsPerRound(const ArchitectureSpec& spec, const TokenWindows& windows,
                                          const EvaluationOptions& options = {});
/// Units by which one evaluation of a model without reference advances.
[[nodiscard]] double evaluationUnits(const ArchitectureSpec& spec, const TokenWindows& windows,
                                     const EvaluationOptions& options = {});

}  // namespace qs
