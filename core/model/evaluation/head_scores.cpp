#include "core/model/evaluation/head_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/matmul.h"
#include "core/model/runner/vector_math.h"

namespace qs {

namespace {

constexpr std::size_t kTileBytes = std::size_t{16} << 20U;
constexpr std::size_t kTilePositions = 128;
constexpr std::size_t kReadRows = 256;

/// ln Σ eˡ of the logits seen so far, and the largest of them.
struct RunningLogSum {
  float largest = -std::numeric_limits<float>::infinity();
  double sum = 0;
  std::size_t first = 0;  ///< index of the largest

  /// Makes room for logits up to `value`: gives the factor by which older sums shrink.
  double raise(float value, std::size_t index) {
    if (!(value > largest)) return 1.0;
    const double factor = std::exp(static_cast<double>(largest) - static_cast<double>(value));
    largest = value;
    first = index;
    sum *= factor;
    return factor;
  }
  [[nodiscard]] double logSum() const { return static_cast<double>(largest) + std::log(sum); }
};

struct PositionState {
  RunningLogSum model;
  RunningLogSum reference;
  double cross = 0;  ///< Σ e^(lp − largest of the reference) · (lp − lq)
  float targetLogit = 0;
  float referenceTargetLogit = 0;
};

/// The head's weights for one tile of the vocabulary.
class HeadTile {
 public:
  HeadTile(const TransformerRunner& runner, std::size_t first, std::size_t count, const RunContext& context)
      : m_weights(count, runner.spec().head.in), m_cap(runner.spec().finalSoftCap) {
    const std::size_t reads = (count + kReadRows - 1) / kReadRows;
    parallelFor(context, reads, [&](std::size_t i) {
      const std::size_t row = i * kReadRows;
      runner.weights().headRows(first + row, m_weights.span().middleRows(row, std::min(kReadRows, count - row)));
    });
    const LinearSpec& head = runner.spec().head;
    if (!head.bias) return;
    const std::vector<float> bias = runner.weights().vector(head.name + ".bias");
    m_bias.assign(bias.begin() + static_cast<std::ptrdiff_t>(first),
                  bias.begin() + static_cast<std::ptrdiff_t>(first + count));
  }

  [[nodiscard]] Matrix logits(MatrixView inputs) const {
    Matrix result = Matrix::unset(inputs.rows, m_weights.rows());
    multiplyTransposed({inputs.data, inputs.rows, inputs.cols, inputs.cols},
                       {m_weights.values().data(), m_weights.rows(), m_weights.cols(), m_weights.cols()},
                       {result.values().data(), result.rows(), result.cols(), result.cols()});
    for (std::size_t r = 0; r < result.rows() && !m_bias.empty(); ++r)
      for (std::size_t c = 0; c < result.cols(); ++c) result(r, c) += m_bias[c];
    if (m_cap > 0) softCap(m_cap, result.values());
    return result;
  }

 private:
  Matrix m_weights;
  std::vector<float> m_bias;
  double m_cap;
};

void raiseTo(std::span<const float> logits, std::size_t firstToken, RunningLogSum& running, double* alsoShrinks) {
  const auto largest = std::max_element(logits.begin(), logits.end());
  const double factor = running.raise(*largest, firstToken + static_cast<std::size_t>(largest - logits.begin()));
  if (alsoShrinks != nullptr) *alsoShrinks *= factor;
}

double sumExp(std::span<const float> logits, float largest) {
  double sum = 0;
  for (const float logit : logits) sum += static_cast<double>(fastExp(logit - largest));
  return sum;
}

/// Σ e^(lp − largest) and Σ e^(lp − largest)·(lp − lq).
void addReference(std::span<const float> reference, std::span<const float> model, PositionState& state) {
  const float largest = state.reference.largest;
  double sum = 0;
  double cross = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const auto weight = static_cast<double>(fastExp(reference[i] - largest));
    sum += weight;
    cross += weight * (static_cast<double>(reference[i]) - static_cast<double>(model[i]));
  }
  state.reference.sum += sum;
  state.cross += cross;
}

void takeTarget(std::span<const float> logits, std::size_t firstToken, int target, float& out) {
  if (target < 0) return;
  const auto token = static_cast<std::size_t>(target);
  if (token >= firstToken && token < firstToken + logits.size()) out = logits[token - firstToken];
}

PositionScore finished(const PositionState& state, int target, bool hasReference) {
  PositionScore score;
  if (target >= 0) score.nll = state.model.logSum() - static_cast<double>(state.targetLogit);
  if (!hasReference) return score;
  if (target >= 0) score.referenceNll = state.reference.logSum() - static_cast<double>(state.referenceTargetLogit);
  const double divergence = state.cross / state.reference.sum - state.reference.logSum() + state.model.logSum();
  score.divergence = std::isnan(divergence) ? divergence : std::max(0.0, divergence);
  score.agrees = state.model.first == state.reference.first;
  return score;
}

void scoreTile(const HeadTile& model, const HeadTile* reference, const HeadRowsOf& modelRows,
               const HeadRowsOf& referenceRows, std::span<const int> targets, std::size_t firstToken,
               std::size_t firstRow, std::span<PositionState> states) {
  const Matrix q = model.logits(modelRows.inputs.middleRows(firstRow, states.size()));
  const Matrix p =
      reference == nullptr ? Matrix() : reference->logits(referenceRows.inputs.middleRows(firstRow, states.size()));
  for (std::size_t r = 0; r < states.size(); ++r) {
    PositionState& state = states[r];
    raiseTo(q.row(r), firstToken, state.model, nullptr);
    state.model.sum += sumExp(q.row(r), state.model.largest);
    takeTarget(q.row(r), firstToken, targets[firstRow + r], state.targetLogit);
    if (reference == nullptr) continue;
    raiseTo(p.row(r), firstToken, state.reference, &state.cross);
    addReference(p.row(r), q.row(r), state);
    takeTarget(p.row(r), firstToken, targets[firstRow + r], state.referenceTargetLogit);
  }
}

}  // namespace

std::vector<PositionScore> scorePositions(const HeadRowsOf& model, const HeadRowsOf& reference,
                                          std::span<const int> targets, const RunContext& context) {
  const ArchitectureSpec& spec = model.runner->spec();
  const bool hasReference = reference.runner != nullptr;
  if (hasReference && reference.runner->spec().vocabSize != spec.vocabSize)
    throw requestError("reference", "its vocabulary has " + std::to_string(reference.runner->spec().vocabSize) +
                                        " tokens, the model's " + std::to_string(spec.vocabSize));
  const std::size_t perTile = std::clamp<std::size_t>(kTileBytes / (sizeof(float) * spec.head.in), 256, 4096);
  std::vector<PositionState> states(model.inputs.rows);
  for (std::size_t token = 0; token < spec.vocabSize; token += perTile) {
    const std::size_t count = std::min(perTile, spec.vocabSize - token);
    const HeadTile tile(*model.runner, token, count, context);
    std::optional<HeadTile> referenceTile;
    if (hasReference) referenceTile.emplace(*reference.runner, token, count, context);
    parallelFor(context, (states.size() + kTilePositions - 1) / kTilePositions, [&](std::size_t i) {
      const std::size_t row = i * kTilePositions;
      scoreTile(tile, referenceTile ? &*referenceTile : nullptr, model, reference, targets, token, row,
                std::span(states).subspan(row, std::min(kTilePositions, states.size() - row)));
    });
  }
  std::vector<PositionScore> scores;
  scores.reserve(states.size());
  for (std::size_t i = 0; i < states.size(); ++i) {
    scores.push_back(finished(states[i], targets[i], hasReference));
    if (!std::isfinite(scores.back().nll) || std::isnan(scores.back().divergence))
      throw failedError(spec.modelName, "the head gave NaN or infinity at position " + std::to_string(i));
  }
  return scores;
}

}  // namespace qs
