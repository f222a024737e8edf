#include "core/model/evaluation/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/model/evaluation/head_scores.h"

namespace qs {

namespace {

/// Scores of all positions that predict something, window by window.
struct Totals {
  std::vector<double> windowMeans;
  double nll = 0;
  double referenceNll = 0;
  std::size_t tokens = 0;
  std::size_t agreements = 0;
  std::vector<double> divergences;

  void addWindow(std::span<const PositionScore> scores, std::span<const int> targets) {
    double sum = 0;
    std::size_t predicted = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (targets[i] < 0) continue;
      sum += scores[i].nll;
      referenceNll += scores[i].referenceNll;
      agreements += scores[i].agrees ? 1U : 0U;
      divergences.push_back(scores[i].divergence);
      ++predicted;
    }
    nll += sum;
    tokens += predicted;
    windowMeans.push_back(sum / static_cast<double>(predicted));
  }
};

double standardDeviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / (count - 1));
}

/// Linear interpolation between the two nearest ranks; `sorted` ascending.
double percentile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - static_cast<double>(low));
}

ReferenceComparison compared(Totals& totals) {
  const auto count = static_cast<double>(totals.tokens);
  std::vector<double>& all = totals.divergences;
  ReferenceComparison result{.referencePerplexity = std::exp(totals.referenceNll / count),
                             .meanDivergence = std::accumulate(all.begin(), all.end(), 0.0) / count,
                             .top1Agreement = static_cast<double>(totals.agreements) / count};
  std::sort(all.begin(), all.end());
  result.medianDivergence = percentile(all, 0.5);
  result.p999Divergence = percentile(all, 0.999);
  return result;
}

Evaluation finished(Totals totals, const TokenWindows& windows, bool hasReference) {
  Evaluation result{.tokens = totals.tokens, .windows = windows.count(), .window = windows.windowSize};
  result.nllPerToken = totals.nll / static_cast<double>(totals.tokens);
  result.perplexity = std::exp(result.nllPerToken);
  result.perplexityStderr = result.perplexity * standardDeviation(totals.windowMeans) /
                            std::sqrt(static_cast<double>(totals.windowMeans.size()));
  if (hasReference) result.reference = compared(totals);
  return result;
}

}  // namespace

std::shared_ptr<const Matrix> ReferenceRun::headInputs(const TokenWindows& windows, std::size_t first,
                                                       std::size_t count, const RunContext& context) {
  const auto found = m_kept.find(first);
  if (found != m_kept.end()) return found->second;
  const TokenWindows part = windows.slice(first, count);
  auto result = std::make_shared<const Matrix>(m_runner.run(part.inputs, part.length, context));
  const std::size_t bytes = result->values().size_bytes();
  if (m_usedBytes + bytes <= m_keepBytes) {
    m_usedBytes += bytes;
    m_kept.emplace(first, result);
  }
  return result;
}

std::size_t windowsPerRound(const ArchitectureSpec& spec, const TokenWindows& windows,
                            const EvaluationOptions& options) {
  const std::size_t windowBytes = windows.length * std::max(spec.hiddenSize, spec.head.in) * sizeof(float);
  return std::clamp<std::size_t>(options.stateBytes / windowBytes, 1, std::max<std::size_t>(1, windows.count()));
}

double evaluationUnits(const ArchitectureSpec& spec, const TokenWindows& windows, const EvaluationOptions& options) {
  const std::size_t perRound = windowsPerRound(spec, windows, options);
  const std::size_t rounds = (windows.count() + perRound - 1) / perRound;
  return static_cast<double>(rounds * spec.blocks.size());
}

Evaluation evaluate(const TransformerRunner& model, const TokenWindows& windows, ReferenceRun* reference,
                    const RunContext& context, const EvaluationOptions& options) {
  const std::size_t perRound = windowsPerRound(model.spec(), windows, options);
  Totals totals;
  for (std::size_t first = 0; first < windows.count(); first += perRound) {
    const std::size_t count = std::min(perRound, windows.count() - first);
    const TokenWindows round = windows.slice(first, count);
    std::shared_ptr<const Matrix> referenceInputs;
    if (reference != nullptr) referenceInputs = reference->headInputs(windows, first, count, context);
    const Matrix inputs = model.run(round.inputs, round.length, context);
    const HeadRowsOf referenceRows =
        reference == nullptr ? HeadRowsOf{} : HeadRowsOf{&reference->runner(), referenceInputs->view()};
    const std::vector<PositionScore> scores =
        scorePositions({&model, inputs.view()}, referenceRows, round.targets, context);
    for (std::size_t w = 0; w < count; ++w)
      totals.addWindow(std::span(scores).subspan(w * round.length, round.length),
                       std::span(round.targets).subspan(w * round.length, round.length));
  }
  return finished(std::move(totals), windows, reference != nullptr);
}

}  // namespace qs
