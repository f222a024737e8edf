#include "tests/support/method_run.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/base/parallel.h"

namespace qs::test {

LayerOutcome runMethod(const std::string& method, const Matrix& weights, const Settings& overrides,
                       const ActivationStats* activations, int threads, ScaleType scaleType) {
  const MethodInfo& info = requireMethod(method);
  const LayerTask task{.name = "layer", .weights = weights.view(), .activations = activations};
  const RunContext context{.threads = threads};
  std::vector<LayerOutcome> outcomes;
  inWorkerArena(context, [&] {
    outcomes = info.quantize({&task, 1}, resolveSettings(info, overrides), {.scaleType = scaleType}, context);
  });
  return outcomes.at(0);
}

std::vector<LayerOutcome> runLayers(const std::string& method, std::span<const LayerTask> tasks,
                                    const Settings& overrides, int threads) {
  const MethodInfo& info = requireMethod(method);
  std::vector<LayerOutcome> outcomes;
  const RunContext context{.threads = threads};
  inWorkerArena(context, [&] { outcomes = info.quantize(tasks, resolveSettings(info, overrides), {}, context); });
  return outcomes;
}

QuantizedTensor runMethodOk(const std::string& method, const Matrix& weights, const Settings& overrides,
                            const ActivationStats* activations, int threads, ScaleType scaleType) {
  LayerOutcome outcome = runMethod(method, weights, overrides, activations, threads, scaleType);
  if (!outcome.tensor) throw std::runtime_error(method + " failed: " + outcome.error);
  return std::move(*outcome.tensor);
}

ActivationStats statsOf(const Matrix& inputs, std::size_t batchTokens) {
  const std::size_t width = inputs.cols();
  ActivationStats stats{.channels = width, .tokens = inputs.rows(), .sample = inputs};
  stats.gram.assign(width * width, 0.0);
  stats.absMax.assign(width, 0.0F);
  stats.meanAbs.assign(width, 0.0F);
  stats.minimum.assign(inputs.row(0).begin(), inputs.row(0).end());
  stats.maximum = stats.minimum;
  std::vector<double> sums(width, 0.0);
  for (std::size_t t = 0; t < inputs.rows(); ++t) {
    const auto row = inputs.row(t);
    for (std::size_t i = 0; i < width; ++i) {
      stats.absMax[i] = std::max(stats.absMax[i], std::abs(row[i]));
      stats.minimum[i] = std::min(stats.minimum[i], row[i]);
      stats.maximum[i] = std::max(stats.maximum[i], row[i]);
      sums[i] += static_cast<double>(std::abs(row[i]));
      for (std::size_t j = 0; j < width; ++j)
        stats.gram[i * width + j] += static_cast<double>(row[i]) * static_cast<double>(row[j]);
    }
    const auto [low, high] = std::minmax_element(row.begin(), row.end());
    if (t % batchTokens == 0) stats.batchRanges.emplace_back(*low, *high);
    stats.batchRanges.back().first = std::min(stats.batchRanges.back().first, *low);
    stats.batchRanges.back().second = std::max(stats.batchRanges.back().second, *high);
  }
  for (std::size_t i = 0; i < width; ++i)
    stats.meanAbs[i] = static_cast<float>(sums[i] / static_cast<double>(inputs.rows()));
  return stats;
}

}  // namespace qs::test
