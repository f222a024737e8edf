#include "core/quant/output_error.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/matmul.h"
#include "core/quant/activation_quantizer.h"

namespace qs {

namespace {

constexpr std::size_t kOutputsPerTask = 64;
constexpr std::size_t kGramOutputsPerTask = 128;  // the Gram matrix is read anew for each
constexpr std::size_t kTokensPerBlock = 512;
constexpr float kExactIntegers = 16777216.0F;  // 2^24: whole numbers up to here are exact in F32

struct Rows {
  std::size_t first;
  std::size_t count;
};

Block<const float> blockOf(MatrixView matrix, Rows rows) {
  return {matrix.data + rows.first * matrix.cols, rows.count, matrix.cols, matrix.cols};
}

// Calls body(index, output rows) for every tile of outputs, in parallel.
template <typename Body>
void forOutputTiles(std::size_t outputs, const RunContext& context, const Body& body) {
  parallelFor(context, (outputs + kOutputsPerTask - 1) / kOutputsPerTask, [&](std::size_t i) {
    const std::size_t first = i * kOutputsPerTask;
    body(i, Rows{first, std::min(kOutputsPerTask, outputs - first)});
  });
}

OutputErrorSums addInOrder(const std::vector<OutputErrorSums>& parts) {
  OutputErrorSums sums;
  for (const OutputErrorSums& part : parts) {
    sums.error += part.error;
    sums.reference += part.reference;
  }
  return sums;
}

double sumSquares(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

// Ŵ − W of some output rows.
Matrix weightErrors(const QuantizedTensor& tensor, MatrixView original, Rows rows) {
  Matrix errors(rows.count, original.cols);
  dequantizeRows(tensor, rows.first, errors.span());
  const auto exact = original.middleRows(rows.first, rows.count).values();
  for (std::size_t i = 0; i < exact.size(); ++i) errors.values()[i] -= exact[i];
  return errors;
}

OutputErrorSums weightOnlyTile(const QuantizedTensor& tensor, MatrixView original, MatrixView inputs, Rows rows,
                               const RunContext& context) {
  const Matrix errors = weightErrors(tensor, original, rows);
  OutputErrorSums sums;
  for (std::size_t first = 0; first < inputs.rows; first += kTokensPerBlock) {
    context.throwIfStopped();
    const Rows tokens{first, std::min(kTokensPerBlock, inputs.rows - first)};
    Matrix product(tokens.count, rows.count);
    const Block<float> out{product.values().data(), tokens.count, rows.count, rows.count};
    multiplyTransposed(blockOf(inputs, tokens), blockOf(errors.view(), {0, rows.count}), out);
    sums.error += sumSquares(product.values());
    multiplyTransposed(blockOf(inputs, tokens), blockOf(original, rows), out);
    sums.reference += sumSquares(product.values());
  }
  return sums;
}

// Code − zero point of some output rows, as whole numbers.
Matrix weightCodes(const QuantizedTensor& tensor, Rows rows) {
  Matrix codes(rows.count, tensor.cols);
  for (std::size_t r = 0; r < rows.count; ++r) {
    for (std::size_t c = 0; c < tensor.cols; ++c) {
      const float zero = tensor.zeroPoints.empty() ? 0.0F : tensor.zeroPoints[tensor.unit(rows.first + r, c)];
      codes(r, c) = static_cast<float>(tensor.code(rows.first + r, c)) - zero;
    }
  }
  return codes;
}

float largestMagnitude(std::span<const float> values) {
  float largest = 1.0F;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

// Outputs of some tokens and output rows [tokens, rows]: products of whole numbers, summed in runs so short that every
// partial sum is exact in F32, the runs' sums in F64 (also exact); scales are applied group by group at the end.
void integerOutputs(const QuantizedTensor& tensor, const QuantizedInputs& inputs, const Matrix& codes, Rows tokens,
                    Rows rows, std::span<double> out) {
  const float largest = largestMagnitude(codes.values()) * 255.0F;
  const auto run = static_cast<std::size_t>(std::max(1.0F, kExactIntegers / largest));
  const std::size_t groupLength = tensor.scheme.groupLength(tensor.cols);
  std::fill(out.begin(), out.end(), 0.0);
  std::vector<float> product(tokens.count * rows.count);
  std::vector<double> sums(tokens.count * rows.count);
  for (std::size_t group = 0; group < tensor.cols; group += groupLength) {
    const std::size_t groupEnd = std::min(group + groupLength, tensor.cols);
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t first = group; first < groupEnd; first += run) {
      const std::size_t width = std::min(run, groupEnd - first);
      multiplyTransposed({&inputs.codes.values()[tokens.first * tensor.cols + first], tokens.count, width, tensor.cols},
                         {&codes.values()[first], rows.count, width, tensor.cols},
                         {product.data(), tokens.count, rows.count, rows.count});
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<double>(product[i]);
    }
    for (std::size_t t = 0; t < tokens.count; ++t)
      for (std::size_t r = 0; r < rows.count; ++r)
        out[t * rows.count + r] += sums[t * rows.count + r] * static_cast<double>(inputs.scales[tokens.first + t]) *
                                   static_cast<double>(tensor.scales[tensor.unit(rows.first + r, group)]);
  }
}

Matrix scaledInputs(const QuantizedTensor& tensor, MatrixView inputs) {
  Matrix scaled(inputs.rows, inputs.cols);
  for (std::size_t t = 0; t < inputs.rows; ++t)
    for (std::size_t c = 0; c < inputs.cols; ++c)
      scaled(t, c) = tensor.inputScale.empty() ? inputs(t, c) : inputs(t, c) / tensor.inputScale[c];
  return scaled;
}

OutputErrorSums integerTile(const QuantizedTensor& tensor, MatrixView original, MatrixView inputs,
                            const QuantizedInputs& quantized, Rows rows, const RunContext& context) {
  const Matrix codes = weightCodes(tensor, rows);
  OutputErrorSums sums;
  for (std::size_t first = 0; first < inputs.rows; first += kTokensPerBlock) {
    context.throwIfStopped();
    const Rows tokens{first, std::min(kTokensPerBlock, inputs.rows - first)};
    Matrix exact(tokens.count, rows.count);
    std::vector<double> outputs(tokens.count * rows.count);
    multiplyTransposed(blockOf(inputs, tokens), blockOf(original, rows),
                       {exact.values().data(), tokens.count, rows.count, rows.count});
    integerOutputs(tensor, quantized, codes, tokens, rows, outputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const double error = outputs[i] - static_cast<double>(exact.values()[i]);
      sums.error += error * error;
    }
    sums.reference += sumSquares(exact.values());
  }
  return sums;
}

std::vector<double> widened(std::span<const float> values) { return {values.begin(), values.end()}; }

double dot(const std::vector<double>& product, const double* rows, std::size_t count, std::size_t columns,
           std::size_t stride) {
  double sum = 0;
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t c = 0; c < columns; ++c) sum += product[r * columns + c] * rows[r * stride + c];
  return sum;
}

// Σ (D·G)∘D over some rows, in blocks of columns. G is symmetric: what lies left of a block on the diagonal counts
// twice, and what lies right of it isn't touched.
double quadraticForm(const std::vector<double>& rows, std::size_t count, const std::vector<double>& gram,
                     std::size_t width, const RunContext& context) {
  constexpr std::size_t kColumns = 256;
  std::vector<double> product(count * kColumns);
  double sum = 0;
  for (std::size_t first = 0; first < width; first += kColumns) {
    context.throwIfStopped();
    const std::size_t columns = std::min(kColumns, width - first);
    const double* block = gram.data() + first * width;
    const Block<double> out{product.data(), count, columns, columns};
    if (first > 0) {
      multiplyTransposed({rows.data(), count, first, width}, {block, columns, first, width}, out);
      sum += 2.0 * dot(product, rows.data() + first, count, columns, width);
    }
    multiplyTransposed({rows.data() + first, count, columns, width}, {block + first, columns, columns, width}, out);
    sum += dot(product, rows.data() + first, count, columns, width);
  }
  return sum;
}

// tr(D·G·Dᵀ), `rowsOf` giving some rows of D; advances the progress by `progress`.
template <typename RowsOf>
double formFromGram(std::size_t outputs, const ActivationStats& activations, const RunContext& context, double progress,
                    const RowsOf& rowsOf) {
  const std::size_t tiles = (outputs + kGramOutputsPerTask - 1) / kGramOutputsPerTask;
  std::vector<double> parts(tiles);
  parallelFor(context, tiles, [&](std::size_t tile) {
    const std::size_t first = tile * kGramOutputsPerTask;
    const Rows rows{first, std::min(kGramOutputsPerTask, outputs - first)};
    parts[tile] = quadraticForm(rowsOf(rows), rows.count, activations.gram, activations.channels, context);
    context.advance(progress / static_cast<double>(tiles));
  });
  return std::max(0.0, std::accumulate(parts.begin(), parts.end(), 0.0));
}

double errorFromGram(const QuantizedTensor& tensor, MatrixView original, const ActivationStats& activations,
                     const RunContext& context, double progress) {
  return formFromGram(original.rows, activations, context, progress,
                      [&](Rows rows) { return widened(weightErrors(tensor, original, rows).values()); });
}

double referenceFromGram(MatrixView original, const ActivationStats& activations, const RunContext& context,
                         double progress) {
  return formFromGram(original.rows, activations, context, progress,
                      [&](Rows rows) { return widened(original.middleRows(rows.first, rows.count).values()); });
}

bool rowsAreCheaper(const ActivationStats& activations) {
  return activations.gram.empty() ||
         (activations.sampleIsWhole && activations.sample.rows() <= 2 * activations.channels);
}

}  // namespace

OutputErrorSums outputErrorOverRows(const QuantizedTensor& tensor, MatrixView original, MatrixView inputs,
                                    const RunContext& context) {
  std::vector<OutputErrorSums> parts((original.rows + kOutputsPerTask - 1) / kOutputsPerTask);
  if (!tensor.activations) {
    forOutputTiles(original.rows, context, [&](std::size_t i, Rows rows) {
      parts[i] = weightOnlyTile(tensor, original, inputs, rows, context);
    });
    return addInOrder(parts);
  }
  const QuantizedInputs quantized = quantizeInputs(scaledInputs(tensor, inputs).view(), *tensor.activations);
  forOutputTiles(original.rows, context, [&](std::size_t i, Rows rows) {
    parts[i] = integerTile(tensor, original, inputs, quantized, rows, context);
  });
  return addInOrder(parts);
}

OutputErrorSums weightOnlyErrorSums(const QuantizedTensor& tensor, MatrixView original,
                                    const ActivationStats& activations, const RunContext& context, double progress) {
  if (rowsAreCheaper(activations)) {
    const OutputErrorSums sums = outputErrorOverRows(tensor, original, activations.sample.view(), context);
    context.advance(progress);
    return sums;
  }
  return {.error = errorFromGram(tensor, original, activations, context, progress / 2),
          .reference = referenceFromGram(original, activations, context, progress / 2)};
}

double weightOnlyError(const QuantizedTensor& tensor, MatrixView original, const ActivationStats& activations,
                       const RunContext& context, double progress) {
  if (rowsAreCheaper(activations)) return weightOnlyErrorSums(tensor, original, activations, context, progress).error;
  return errorFromGram(tensor, original, activations, context, progress);
}

OutputError measureOutputError(const QuantizedTensor& tensor, MatrixView original, const ActivationStats& activations,
                               const RunContext& context, std::optional<double> known) {
  if (activations.channels != original.cols)
    throw inputError("calibration inputs", "expected " + std::to_string(original.cols) + " channels, got " +
                                               std::to_string(activations.channels));
  OutputError result;
  if (known) {
    result.relative = *known;
  } else if (tensor.activations) {
    result.relative = outputErrorOverRows(tensor, original, activations.sample.view(), context).relative();
  } else {
    result.relative = weightOnlyErrorSums(tensor, original, activations, context).relative();
  }
  result.exact = activations.sampleIsWhole || (!tensor.activations && !rowsAreCheaper(activations));
  if (!activations.heldOut.empty())
    result.heldOut = outputErrorOverRows(tensor, original, activations.heldOut.view(), context).relative();
  return result;
}

Matrix quantizedOutputs(const QuantizedTensor& tensor, MatrixView inputs, const RunContext& context) {
  Matrix outputs(inputs.rows, tensor.rows);
  const QuantizedInputs quantized =
      quantizeInputs(scaledInputs(tensor, inputs).view(), tensor.activations.value_or(ActivationScheme{}));
  forOutputTiles(tensor.rows, context, [&](std::size_t, Rows rows) {
    std::vector<double> tile(inputs.rows * rows.count);
    integerOutputs(tensor, quantized, weightCodes(tensor, rows), {0, inputs.rows}, rows, tile);
    for (std::size_t t = 0; t < inputs.rows; ++t)
      for (std::size_t r = 0; r < rows.count; ++r)
        outputs(t, rows.first + r) = static_cast<float>(tile[t * rows.count + r]);
  });
  return outputs;
}

}  // namespace qs
