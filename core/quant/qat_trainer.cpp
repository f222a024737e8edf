#include "core/quant/qat_trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/base/parallel.h"
#include "core/kernels/clip_search.h"
#include "core/kernels/matmul.h"
#include "core/quant/uniform_grid.h"

namespace qs {

namespace {

constexpr std::size_t kRowsPerTile = 64;
constexpr std::size_t kColumns = 256;
constexpr int kStartCandidates = 71;  // 1, 0.99 … 0.3 of the range
constexpr float kStartStep = 0.01F;
constexpr double kRate = 0.01;  // of the mean first step (weights), of each own first step (steps)
constexpr float kSmallestStep = 1e-3F;

std::size_t tileCount(std::size_t rows) { return (rows + kRowsPerTile - 1) / kRowsPerTile; }

}  // namespace

struct QatTrainer::Tile {
  std::size_t firstRow = 0;
  std::size_t rows = 0;
  double loss = 0;
  LsqGradients tensorGradients;  // one grid for the matrix: this tile's part
};

QatTrainer::QatTrainer(MatrixView weights, const QuantScheme& scheme, const ActivationStats& activations,
                       const RunContext& context, double passProgress)
    : m_weights(weights),
      m_scheme(scheme),
      m_passProgress(passProgress),
      m_gram(weights.cols, weights.cols),
      m_now(emptyTensor(scheme, weights.rows, weights.cols)),
      m_bestLoss(std::numeric_limits<double>::infinity()) {
  scaleGram(activations, context);
  if (m_reference > 0.0) start(context);
}

// First by a power of two (the trace), so that nothing overflows in F32, then by 2/‖X·Wᵀ‖².
void QatTrainer::scaleGram(const ActivationStats& activations, const RunContext& context) {
  const std::size_t width = m_weights.cols;
  double trace = 0;
  for (std::size_t i = 0; i < width; ++i) trace += activations.gram[i * width + i];
  const auto fill = [&](double factor) {
    parallelFor(context, width, [&](std::size_t i) {
      for (std::size_t j = 0; j < width; ++j)
        m_gram(i, j) = static_cast<float>(activations.gram[i * width + j] * factor);
    });
  };
  fill(1.0 / trace);
  std::vector<double> sums(tileCount(m_weights.rows), 0.0);
  parallelFor(context, sums.size(), [&](std::size_t t) {
    const std::size_t first = t * kRowsPerTile;
    Matrix rows(std::min(kRowsPerTile, m_weights.rows - first), width);
    const auto from = m_weights.middleRows(first, rows.rows()).values();
    std::copy(from.begin(), from.end(), rows.values().begin());
    Matrix product(rows.rows(), width);
    sums[t] = multiplyByGram(rows, product, context);
    context.advance(m_passProgress / static_cast<double>(sums.size()));
  });
  for (const double sum : sums) m_reference += sum * trace;
  if (m_reference > 0.0) fill(2.0 / m_reference);
}

void QatTrainer::start(const RunContext& context) {
  const std::size_t units = m_now.scales.size();
  std::vector<UnitGrid> grids(units);
  const std::size_t groups = m_scheme.groupsPerRow(m_weights.cols);
  const std::size_t length = m_scheme.groupLength(m_weights.cols);
  if (m_scheme.groupSize == kPerTensor) {
    grids[0] = leastSquaresGrid(m_weights.values(), m_scheme, kStartCandidates, kStartStep);
  } else {
    parallelFor(context, m_weights.rows, [&](std::size_t row) {
      for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t count = std::min(length, m_weights.cols - g * length);
        grids[row * groups + g] =
            leastSquaresGrid(m_weights.row(row).subspan(g * length, count), m_scheme, kStartCandidates, kStartStep);
      }
    });
  }
  for (UnitState* state : {&m_steps, &m_zeros})
    for (std::vector<float>* part : {&state->value, &state->first, &state->second, &state->gradient, &state->rate})
      part->assign(units, 0.0F);
  double sum = 0;
  std::size_t live = 0;
  for (std::size_t u = 0; u < units; ++u) {
    requireStorable(grids[u], m_scheme);
    m_steps.value[u] = grids[u].scale;
    m_zeros.value[u] = grids[u].zero;
    // A unit of zeros has the step 1, which says nothing about its weights: it isn't trained.
    const bool empty = grids[u] == UnitGrid{};
    if (!empty) sum += static_cast<double>(grids[u].scale);
    live += empty ? 0 : 1;
    m_steps.rate[u] = empty ? 0.0F : static_cast<float>(kRate) * grids[u].scale;
    m_zeros.rate[u] = empty ? 0.0F : static_cast<float>(kRate) * static_cast<float>(m_scheme.maxCode());
  }
  m_smallestStep = m_steps.value;
  for (float& step : m_smallestStep) step *= kSmallestStep;
  m_weightRate = live == 0 ? 0.0F : static_cast<float>(kRate * sum / static_cast<double>(live));
  m_latent = Matrix(m_weights.rows, m_weights.cols, {m_weights.values().begin(), m_weights.values().end()});
  m_first = Matrix(m_weights.rows, m_weights.cols);
  m_second = Matrix(m_weights.rows, m_weights.cols);
}

LsqUnit QatTrainer::unit(std::size_t index) const {
  const CodeLimits limits = codeLimits(m_scheme);
  const float zero = m_scheme.symmetric ? 0.0F : std::clamp(std::rint(m_zeros.value[index]), limits.low, limits.high);
  return {.step = roundToScaleType(m_steps.value[index], m_scheme.scaleType),
          .zero = zero + 0.0F,
          .low = limits.low,
          .high = limits.high};
}

// product := changes·gram; returns Σ changes∘product.
double QatTrainer::multiplyByGram(const Matrix& changes, Matrix& product, const RunContext& context) const {
  const std::size_t width = changes.cols();
  for (std::size_t first = 0; first < width; first += kColumns) {
    context.throwIfStopped();
    const std::size_t count = std::min(kColumns, width - first);
    multiplyTransposed({changes.values().data(), changes.rows(), width, width},
                       {m_gram.values().data() + first * width, count, width, width},
                       {product.values().data() + first, changes.rows(), count, width});
  }
  double sum = 0;
  for (std::size_t i = 0; i < changes.values().size(); ++i)
    sum += static_cast<double>(changes.values()[i]) * static_cast<double>(product.values()[i]);
  return sum;
}

void QatTrainer::passTile(Tile& tile, AdamStep adam, bool update, const RunContext& context) {
  const std::size_t width = m_weights.cols;
  const std::size_t length = m_scheme.groupLength(width);
  Matrix changes(tile.rows, width);
  Matrix gradient(tile.rows, width);
  const auto forUnits = [&](const auto& body) {
    for (std::size_t r = 0; r < tile.rows; ++r)
      for (std::size_t first = 0; first < width; first += length)
        body(r, first, std::min(length, width - first), m_now.unit(tile.firstRow + r, first));
  };
  forUnits([&](std::size_t r, std::size_t first, std::size_t count, std::size_t index) {
    const std::size_t row = tile.firstRow + r;
    lsqForward(m_latent.row(row).subspan(first, count), m_weights.row(row).subspan(first, count), unit(index),
               std::span(m_now.codes).subspan(row * width + first, count), changes.row(r).subspan(first, count));
  });
  tile.loss = 0.5 * multiplyByGram(changes, gradient, context);
  if (!update) return;
  tile.tensorGradients = {};
  forUnits([&](std::size_t r, std::size_t first, std::size_t count, std::size_t index) {
    const std::size_t row = tile.firstRow + r;
    const auto own = gradient.row(r).subspan(first, count);
    const LsqGradients gradients =
        lsqBackward(m_latent.row(row).subspan(first, count), unit(index), m_scheme.symmetric, own);
    if (m_scheme.groupSize == kPerTensor) {
      tile.tensorGradients.step += gradients.step;
      tile.tensorGradients.zero += gradients.zero;
    } else {
      m_steps.gradient[index] = static_cast<float>(gradients.step);
      m_zeros.gradient[index] = static_cast<float>(gradients.zero);
    }
    adamUpdate(adam, own, m_first.row(row).subspan(first, count), m_second.row(row).subspan(first, count),
               m_latent.row(row).subspan(first, count));
  });
}

void QatTrainer::updateUnits(int step, double decay) {
  const auto updateAll = [&](UnitState& state) {
    for (std::size_t u = 0; u < state.value.size(); ++u)
      adamUpdate(AdamStep::at(step, decay * static_cast<double>(state.rate[u])), {&state.gradient[u], 1},
                 {&state.first[u], 1}, {&state.second[u], 1}, {&state.value[u], 1});
  };
  updateAll(m_steps);
  if (!m_scheme.symmetric) updateAll(m_zeros);
  for (std::size_t u = 0; u < m_steps.value.size(); ++u)
    m_steps.value[u] = std::max(m_steps.value[u], m_smallestStep[u]);
}

// One forward pass at the parameters as they are, and, with `update`, the step from there.
double QatTrainer::pass(int step, int steps, bool update, const RunContext& context) {
  const double decay = 0.5 * (1.0 + std::cos(std::numbers::pi * step / std::max(steps, 1)));
  for (std::size_t u = 0; u < m_now.scales.size(); ++u) {
    m_now.scales[u] = unit(u).step;
    if (!m_now.zeroPoints.empty()) m_now.zeroPoints[u] = unit(u).zero;
  }
  std::vector<Tile> tiles(tileCount(m_weights.rows));
  const AdamStep adam = AdamStep::at(step + 1, decay * static_cast<double>(m_weightRate));
  parallelFor(context, tiles.size(), [&](std::size_t t) {
    tiles[t].firstRow = t * kRowsPerTile;
    tiles[t].rows = std::min(kRowsPerTile, m_weights.rows - tiles[t].firstRow);
    passTile(tiles[t], adam, update, context);
    context.advance(m_passProgress / static_cast<double>(tiles.size()));
  });
  double loss = 0;
  LsqGradients sums;
  for (const Tile& tile : tiles) {
    loss += tile.loss;
    sums.step += tile.tensorGradients.step;
    sums.zero += tile.tensorGradients.zero;
  }
  if (m_scheme.groupSize == kPerTensor) {
    m_steps.gradient[0] = static_cast<float>(sums.step);
    m_zeros.gradient[0] = static_cast<float>(sums.zero);
  }
  if (update) updateUnits(step + 1, decay);
  return loss;
}

void QatTrainer::train(int steps, const RunContext& context, const std::function<void(int, double)>& observe) {
  m_best = m_now;
  for (int step = 0; step <= steps; ++step) {
    context.throwIfStopped();
    const double loss = pass(step, steps, step < steps, context);
    if (loss < m_bestLoss) {
      m_bestLoss = loss;
      m_bestStep = step;
      std::swap(m_best, m_now);  // the next pass writes every code and scale anew
    }
    observe(step, loss);
  }
}

QuantizedTensor QatTrainer::takeBest() { return std::move(m_best); }

}  // namespace qs
