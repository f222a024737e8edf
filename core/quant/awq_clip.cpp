#include "core/quant/awq_clip.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/parallel.h"
#include "core/kernels/matmul.h"
#include "core/kernels/scaled_rounding.h"

namespace qs {

namespace {

constexpr std::size_t kRowsPerTask = 32;
constexpr std::size_t kColumns = 256;
constexpr auto kCandidates = static_cast<std::size_t>(kClipCandidates);

struct Group {
  std::size_t first;
  std::size_t count;
  Matrix gram;  // of its scaled inputs
};

Group groupAt(const ActivationStats& activations, std::span<const float> scale, std::size_t first, std::size_t count,
              const RunContext& context) {
  Group group{first, count, Matrix(count, count)};
  parallelFor(context, count, [&](std::size_t i) {
    const double* row = activations.gram.data() + (first + i) * activations.channels + first;
    const auto own = static_cast<double>(scale[first + i]);
    for (std::size_t j = 0; j < count; ++j)
      group.gram(i, j) = static_cast<float>(row[j] / (own * static_cast<double>(scale[first + j])));
  });
  return group;
}

float boundOf(float largest, std::size_t candidate) {
  return largest * (1.0F - static_cast<float>(candidate) / static_cast<float>(2 * kClipCandidates));
}

float largestMagnitude(std::span<const float> values) {
  const ValueRange range = rangeOf(values);
  return std::max(-range.low, range.high);
}

void candidateErrors(std::span<const float> values, const QuantScheme& scheme, MatrixSpan errors) {
  const ValueRange range = rangeOf(values);
  const float largest = std::max(-range.low, range.high);
  for (std::size_t i = 0; i < kCandidates; ++i) {
    const float bound = boundOf(largest, i);
    const UnitGrid grid = gridOfRange({std::max(range.low, -bound), std::min(range.high, bound)}, scheme);
    clampedRoundingErrors(values, bound, grid, scheme, errors.row(i));
  }
}

// dᵀ·G·d of every row of `errors`.
std::vector<double> groupLosses(const Matrix& errors, const Matrix& gram, const RunContext& context) {
  std::vector<double> losses(errors.rows(), 0.0);
  std::vector<float> product(errors.rows() * kColumns);
  const std::size_t width = gram.cols();
  for (std::size_t first = 0; first < width; first += kColumns) {
    context.throwIfStopped();
    const std::size_t count = std::min(kColumns, width - first);
    multiplyTransposed({errors.values().data(), errors.rows(), width, width},
                       {gram.values().data() + first * width, count, width, width},
                       {product.data(), errors.rows(), count, count});
    for (std::size_t r = 0; r < errors.rows(); ++r) {
      const float* d = errors.row(r).data() + first;
      double sum = 0;
      for (std::size_t c = 0; c < count; ++c)
        sum += static_cast<double>(d[c]) * static_cast<double>(product[r * count + c]);
      losses[r] += sum;
    }
  }
  return losses;
}

void clipRows(MatrixSpan scaled, std::size_t firstRow, std::size_t rows, const Group& group, const QuantScheme& scheme,
              const RunContext& context) {
  Matrix errors(rows * kCandidates, group.count);
  for (std::size_t r = 0; r < rows; ++r)
    candidateErrors(scaled.row(firstRow + r).subspan(group.first, group.count), scheme,
                    {errors.row(r * kCandidates).data(), kCandidates, group.count});
  const std::vector<double> losses = groupLosses(errors, group.gram, context);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto begin = losses.begin() + static_cast<std::ptrdiff_t>(r * kCandidates);
    const auto best = static_cast<std::size_t>(std::min_element(begin, begin + kClipCandidates) - begin);
    const auto values = scaled.row(firstRow + r).subspan(group.first, group.count);
    const float bound = boundOf(largestMagnitude(values), best);
    for (float& value : values) value = std::clamp(value, -bound, bound);
  }
}

}  // namespace

void clipScaledWeights(MatrixSpan scaled, std::span<const float> inputScale, const QuantScheme& scheme,
                       const ActivationStats& activations, const RunContext& context, double progress) {
  const std::size_t length = scheme.groupLength(scaled.cols);
  const std::size_t tiles = (scaled.rows + kRowsPerTask - 1) / kRowsPerTask;
  for (std::size_t first = 0; first < scaled.cols; first += length) {
    const Group group = groupAt(activations, inputScale, first, std::min(length, scaled.cols - first), context);
    parallelFor(context, tiles, [&](std::size_t tile) {
      const std::size_t row = tile * kRowsPerTask;
      clipRows(scaled, row, std::min(kRowsPerTask, scaled.rows - row), group, scheme, context);
    });
    context.advance(progress * static_cast<double>(group.count) / static_cast<double>(scaled.cols));
  }
}

}  // namespace qs
