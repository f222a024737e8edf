#include "core/quant/input_metric.h"

#include <algorithm>
#include <vector>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/matmul.h"
#include "core/kernels/triangular.h"

namespace qs {

namespace {

constexpr std::size_t kRowsPerProduct = 256;
constexpr double kFirstShift = 1e-9;  // of the mean diagonal: XᵀX is singular where inputs are dead or tokens few
constexpr int kAttempts = 6;

std::vector<double> shiftedGram(const ActivationStats& activations, double shift) {
  const std::size_t size = activations.channels;
  double trace = 0;
  for (std::size_t i = 0; i < size; ++i) trace += activations.gram[i * size + i];
  std::vector<double> square = activations.gram;
  for (std::size_t i = 0; i < size; ++i) square[i * size + i] += shift * trace / static_cast<double>(size);
  return square;
}

double sumSquares(std::span<const float> values) {
  double sums[4] = {0, 0, 0, 0};
  std::size_t i = 0;
  for (; i + 4 <= values.size(); i += 4)
    for (std::size_t k = 0; k < 4; ++k)
      sums[k] += static_cast<double>(values[i + k]) * static_cast<double>(values[i + k]);
  for (; i < values.size(); ++i) sums[0] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

InputMetric::InputMetric(const ActivationStats& activations, const RunContext& context, double progress)
    : m_rows(activations.sample.view()) {
  const bool rowsAreCheaper = activations.sampleIsWhole && 2 * activations.sample.rows() <= activations.channels;
  if (!rowsAreCheaper && !activations.gram.empty())
    factorGram(activations, context, progress);
  else
    context.advance(progress);
}

void InputMetric::factorGram(const ActivationStats& activations, const RunContext& context, double progress) {
  const std::size_t size = activations.channels;
  double toReport = progress;  // an attempt that fails has told a part of it
  const auto report = [&](double share) {
    const double part = std::min(toReport, share * progress);
    toReport -= part;
    context.advance(part);
  };
  double shift = kFirstShift;
  for (int attempt = 0; attempt < kAttempts; ++attempt, shift *= 10) {
    std::vector<double> square = shiftedGram(activations, shift);
    if (!factorUpper(square, size, context, report)) continue;
    m_factor = Matrix(size, size);
    parallelFor(context, size, [&](std::size_t j) {
      for (std::size_t k = 0; k <= j; ++k) m_factor(j, k) = static_cast<float>(square[k * size + j]);
    });
    m_rows = m_factor.view();
    m_triangular = true;
    return;
  }
  throw failedError("calibration inputs", "their Gram matrix can't be factored");
}

double InputMetric::loss(MatrixView changes, const RunContext& context) const {
  std::vector<float> product(changes.rows * kRowsPerProduct);
  double sum = 0;
  for (std::size_t first = 0; first < m_rows.rows; first += kRowsPerProduct) {
    context.throwIfStopped();
    const std::size_t count = std::min(kRowsPerProduct, m_rows.rows - first);
    const std::size_t width = m_triangular ? first + count : m_rows.cols;
    multiplyTransposed({changes.data, changes.rows, width, changes.cols},
                       {m_rows.data + first * m_rows.cols, count, width, m_rows.cols},
                       {product.data(), changes.rows, count, count});
    sum += sumSquares(std::span(product).first(changes.rows * count));
  }
  return sum;
}

}  // namespace qs
