#include "core/quant/awq_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/parallel.h"
#include "core/kernels/scaled_rounding.h"
#include "core/quant/input_scaling.h"
#include "core/quant/uniform_grid.h"

namespace qs {

namespace {

constexpr std::size_t kRowsPerTask = 128;
constexpr std::size_t kCoarseStride = 8;
constexpr std::size_t kCoarseRows = 256;  // fewer outputs than these say too little
constexpr std::size_t kExactAfterCoarse = 3;
constexpr double kSmallest = 1e-4;

std::vector<float> normalised(std::vector<double> scale) {
  const auto [low, high] = std::minmax_element(scale.begin(), scale.end());
  const double middle = std::sqrt(*low * *high);
  std::vector<float> result(scale.size());
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const auto value = static_cast<float>(scale[c] / middle);
    result[c] = std::isfinite(value) && value > 0.0F ? value : 1.0F;
  }
  return result;
}

// Mean over all rows of |W| as a share of its group's largest.
std::vector<double> weightShares(std::span<const LayerTask> tasks, const QuantScheme& scheme) {
  const std::size_t width = tasks.front().weights.cols();
  const std::size_t length = scheme.groupLength(width);
  std::vector<double> shares(width, 0.0);
  std::size_t rows = 0;
  for (const LayerTask& task : tasks) {
    rows += task.weights.rows();
    for (std::size_t r = 0; r < task.weights.rows(); ++r) {
      const auto row = task.weights.view().row(r);
      for (std::size_t first = 0; first < width; first += length) {
        const std::size_t last = std::min(first + length, width);
        float largest = 0.0F;
        for (std::size_t c = first; c < last; ++c) largest = std::max(largest, std::abs(row[c]));
        for (std::size_t c = first; c < last; ++c)
          shares[c] += static_cast<double>(std::abs(row[c])) / (static_cast<double>(largest) + 1e-6);
      }
    }
  }
  for (double& share : shares) share /= static_cast<double>(std::max<std::size_t>(rows, 1));
  return shares;
}

std::vector<float> candidateScale(std::span<const float> meanAbs, std::span<const double> shares, double exponent) {
  std::vector<double> scale(meanAbs.size());
  for (std::size_t c = 0; c < scale.size(); ++c) {
    double value = std::pow(static_cast<double>(meanAbs[c]), exponent);
    if (!shares.empty()) value /= std::pow(shares[c], 1.0 - exponent) + kSmallest;
    scale[c] = std::max(value, kSmallest);
  }
  return normalised(std::move(scale));
}

// Calls change(row, out) for every stride-th row of the layer, and adds up the losses of the tiles in order.
template <typename Change>
double tiledLoss(const LayerTask& task, const InputMetric* metric, std::size_t stride, const RunContext& context,
                 const Change& change) {
  const std::size_t rows = (task.weights.rows() + stride - 1) / stride;
  const std::size_t tiles = (rows + kRowsPerTask - 1) / kRowsPerTask;
  std::vector<double> losses(tiles, 0.0);
  parallelFor(context, tiles, [&](std::size_t tile) {
    const std::size_t first = tile * kRowsPerTask;
    Matrix changes(std::min(kRowsPerTask, rows - first), task.weights.cols());
    for (std::size_t r = 0; r < changes.rows(); ++r) change((first + r) * stride, changes.row(r));
    if (metric != nullptr) {
      losses[tile] = metric->loss(changes.view(), context);
    } else {
      for (const float value : changes.values())
        losses[tile] += static_cast<double>(value) * static_cast<double>(value);
    }
  });
  return std::accumulate(losses.begin(), losses.end(), 0.0);
}

double layerRoundingLoss(const LayerTask& task, std::span<const float> scale, const QuantScheme& scheme,
                         const InputMetric* metric, std::size_t stride, const RunContext& context) {
  const std::size_t length = scheme.groupLength(task.weights.cols());
  std::optional<UnitGrid> whole;
  if (scheme.groupSize == kPerTensor)
    whole = findGrids(scaledWeights(task.weights.view(), scale, context).view(), scheme, false, context).front();
  return tiledLoss(task, metric, stride, context, [&](std::size_t row, std::span<float> out) {
    const auto weights = task.weights.view().row(row);
    for (std::size_t first = 0; first < weights.size(); first += length) {
      const std::size_t count = std::min(length, weights.size() - first);
      const auto part = weights.subspan(first, count);
      if (whole)
        scaledRoundingErrorsOn(part, scale.subspan(first, count), *whole, scheme, out.subspan(first, count));
      else
        scaledRoundingErrors(part, scale.subspan(first, count), scheme, out.subspan(first, count));
    }
  });
}

double relative(double loss, double reference) { return loss == 0.0 ? 0.0 : loss / reference; }

std::size_t firstLeast(std::span<const double> losses) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < losses.size(); ++i)
    if (losses[i] < losses[best]) best = i;
  return best;
}

std::size_t coarseStride(std::span<const LayerTask> tasks) {
  std::size_t rows = 0;
  for (const LayerTask& task : tasks) rows += task.weights.rows();
  return std::clamp<std::size_t>(rows / kCoarseRows, 1, kCoarseStride);
}

// The candidates that are measured exactly after the coarse pass: its best three, and the first.
std::vector<std::size_t> shortList(std::span<const double> coarse) {
  std::vector<std::size_t> order(coarse.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return coarse[a] < coarse[b]; });
  order.resize(std::min(kExactAfterCoarse, order.size()));
  if (std::find(order.begin(), order.end(), std::size_t{0}) == order.end()) order.push_back(0);
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

std::vector<AwqCandidate> awqCandidates(std::span<const LayerTask> tasks, const QuantScheme& scheme, bool duo) {
  const ActivationStats& activations = *tasks.front().activations;
  std::vector<AwqCandidate> candidates;
  std::vector<double> shares;
  if (duo) {
    candidates.push_back({0.0, std::vector<float>(activations.channels, 1.0F)});
    shares = weightShares(tasks, scheme);
  }
  for (int k = 0; k < kAwqExponents; ++k) {
    const double exponent = static_cast<double>(k) / kAwqExponents;
    candidates.push_back({exponent, candidateScale(activations.meanAbs, shares, exponent)});
  }
  return candidates;
}

std::vector<AwqCandidate> globalFactors(std::size_t inputs) {
  std::vector<AwqCandidate> candidates;
  for (int k = 1; k <= 100; ++k)
    candidates.push_back({0.1 * k, std::vector<float>(inputs, static_cast<float>(0.1 * k))});
  return candidates;
}

double roundingLoss(std::span<const LayerTask> tasks, std::span<const float> scale, const QuantScheme& scheme,
                    const InputMetric* metric, std::size_t rowStride, const RunContext& context) {
  double sum = 0;
  for (const LayerTask& task : tasks) sum += layerRoundingLoss(task, scale, scheme, metric, rowStride, context);
  return sum;
}

double referenceLoss(std::span<const LayerTask> tasks, const InputMetric* metric, std::size_t rowStride,
                     const RunContext& context) {
  double sum = 0;
  for (const LayerTask& task : tasks) {
    sum += tiledLoss(task, metric, rowStride, context, [&](std::size_t row, std::span<float> out) {
      const auto weights = task.weights.view().row(row);
      std::copy(weights.begin(), weights.end(), out.begin());
    });
  }
  return sum;
}

AwqChoice searchScale(std::span<const LayerTask> tasks, std::span<const AwqCandidate> candidates,
                      const QuantScheme& scheme, const InputMetric* metric, bool fast, const RunContext& context,
                      double progress) {
  const std::size_t stride = fast ? coarseStride(tasks) : 1;
  const double reference = referenceLoss(tasks, metric, stride, context);
  const auto steps = static_cast<double>(candidates.size() + (fast ? kExactAfterCoarse + 1 : 0));
  std::vector<double> losses;
  AwqChoice choice;
  for (const AwqCandidate& candidate : candidates) {
    losses.push_back(roundingLoss(tasks, candidate.scale, scheme, metric, stride, context));
    choice.curve.x.push_back(candidate.exponent);
    choice.curve.y.push_back(relative(losses.back(), reference));
    context.advance(progress / steps);
  }
  choice.best = firstLeast(losses);
  if (!fast) return choice;
  double least = std::numeric_limits<double>::infinity();
  for (const std::size_t i : shortList(losses)) {
    const double loss = roundingLoss(tasks, candidates[i].scale, scheme, metric, 1, context);
    if (loss < least) choice.best = i;
    least = std::min(least, loss);
    context.advance(progress / steps);
  }
  return choice;
}

}  // namespace qs
