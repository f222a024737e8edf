#include "core/quant/activation_quantizer.h"

#include <algorithm>
#include <cmath>

#include "core/kernels/uniform_grid.h"

namespace qs {

namespace {

QuantScheme gridScheme(bool symmetric) {
  return {.bits = 8, .symmetric = symmetric, .range = SymmetricRange::Restricted, .groupSize = kPerTensor};
}

void quantizeRowOnGrid(std::span<const float> row, UnitGrid grid, CodeLimits limits, std::span<float> codes) {
  for (std::size_t i = 0; i < row.size(); ++i) codes[i] = codeOf(row[i], grid, limits) - grid.zero;
}

float tokenScale(std::span<const float> row) {
  float largest = 0.0F;
  for (const float value : row) largest = std::max(largest, std::abs(value));
  return std::max(largest, kSmallestTokenAbsMax) / 127.0F;
}

}  // namespace

QuantizedInputs quantizeInputs(MatrixView inputs, const ActivationScheme& scheme) {
  QuantizedInputs result{.codes = Matrix(inputs.rows, inputs.cols), .scales = std::vector<float>(inputs.rows)};
  const CodeLimits limits = codeLimits(gridScheme(scheme.perToken || scheme.symmetric));
  UnitGrid grid{.scale = scheme.scale, .zero = static_cast<float>(scheme.zeroPoint)};
  if (!scheme.perToken && !scheme.isStatic) grid = gridOfRange(rangeOf(inputs.values()), gridScheme(scheme.symmetric));
  for (std::size_t t = 0; t < inputs.rows; ++t) {
    if (scheme.perToken) grid = {.scale = tokenScale(inputs.row(t))};
    quantizeRowOnGrid(inputs.row(t), grid, limits, result.codes.row(t));
    result.scales[t] = grid.scale;
  }
  return result;
}

void roundInputs(MatrixSpan inputs, const ActivationScheme& scheme) {
  const bool oneByOne = !scheme.isStatic && !scheme.perToken;
  const std::size_t step = oneByOne ? 1 : inputs.rows;
  for (std::size_t first = 0; first < inputs.rows; first += step) {
    const MatrixSpan some = inputs.middleRows(first, step);
    const QuantizedInputs quantized = quantizeInputs(some, scheme);
    for (std::size_t t = 0; t < some.rows; ++t)
      for (std::size_t c = 0; c < some.cols; ++c) some(t, c) = quantized.codes(t, c) * quantized.scales[t];
  }
}

ActivationScheme staticScheme(float low, float high, bool symmetric) {
  const UnitGrid grid = gridOfRange({low, high}, gridScheme(symmetric));
  return {.perToken = false,
          .isStatic = true,
          .symmetric = symmetric,
          .scale = grid.scale,
          .zeroPoint = static_cast<std::int32_t>(grid.zero)};
}

}  // namespace qs
