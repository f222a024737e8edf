#include "tests/support/output_metrics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/matmul.h"

namespace qs::test {

namespace {

std::vector<double> widened(const Matrix& matrix) { return {matrix.values().begin(), matrix.values().end()}; }

std::vector<double> outputs(const std::vector<double>& inputs, const Matrix& weights) {
  const std::size_t width = weights.cols();
  const std::size_t tokens = inputs.size() / width;
  const std::vector<double> wide = widened(weights);
  std::vector<double> result(tokens * weights.rows());
  multiplyTransposed({inputs.data(), tokens, width, width}, {wide.data(), weights.rows(), width, width},
                     {result.data(), tokens, weights.rows(), weights.rows()});
  return result;
}

}  // namespace

OutputMetrics outputMetrics(const Matrix& weights, const Matrix& quantized, const Matrix& inputs) {
  const std::vector<double> x = widened(inputs);
  const std::vector<double> exact = outputs(x, weights);
  const std::vector<double> got = outputs(x, quantized);
  OutputMetrics metrics;
  double error = 0;
  double reference = 0;
  double squares = 0;
  double product = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double difference = got[i] - exact[i];
    error += difference * difference;
    reference += exact[i] * exact[i];
    squares += got[i] * got[i];
    product += exact[i] * got[i];
    metrics.maxAbsError = std::max(metrics.maxAbsError, std::abs(difference));
  }
  metrics.sqnrDb = 10.0 * std::log10(reference / error);
  metrics.cosine = product / std::sqrt(reference * squares);
  return metrics;
}

}  // namespace qs::test
