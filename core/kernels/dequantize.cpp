#include "core/kernels/dequantize.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "core/base/parallel.h"
#include "core/kernels/code_counts.h"

namespace qs {

namespace {

UnitGrid gridOf(const QuantizedTensor& tensor, std::size_t unit) {
  return {.scale = tensor.scales[unit], .zero = tensor.zeroPoints.empty() ? 0.0F : tensor.zeroPoints[unit]};
}

void lookUp(std::span<const std::uint8_t> codes, const std::vector<float>& codebook, float scale,
            std::span<float> out) {
  for (std::size_t i = 0; i < codes.size(); ++i) out[i] = codebook[codes[i]] * scale;
}

// Calls body(first column, number of columns, unit) for the units of a row's columns; not where there is a group index.
template <typename Body>
void forUnits(const QuantizedTensor& tensor, std::size_t row, std::size_t firstCol, std::size_t lastCol,
              const Body& body) {
  const std::size_t length = tensor.scheme.groupLength(tensor.cols);
  std::size_t unit = tensor.unit(row, firstCol);
  for (std::size_t first = firstCol; first < lastCol; first += length)
    body(first, std::min(length, lastCol - first), unit++);
}

void dequantizeUnit(const QuantizedTensor& tensor, std::size_t unit, std::span<const std::uint8_t> codes,
                    std::span<float> out) {
  if (tensor.codebook.empty())
    dequantizeRun(codes, gridOf(tensor, unit), tensor.scheme, out);
  else
    lookUp(codes, tensor.codebook, tensor.scales[unit], out);
}

GroupGrids gridsFrom(const QuantizedTensor& tensor, std::size_t row, std::size_t col) {
  const std::size_t first = tensor.unit(row, col);
  const float* const zeros = tensor.zeroPoints.empty() ? nullptr : &tensor.zeroPoints[first];
  return {tensor.scheme.groupLength(tensor.cols), &tensor.scales[first], zeros};
}

// Columns firstCol..firstCol+out.size()-1, whole groups but for the last.
void dequantizeRow(const QuantizedTensor& tensor, std::size_t row, std::size_t firstCol, std::span<float> out) {
  const auto codes = std::span(tensor.codes).subspan(row * tensor.cols + firstCol, out.size());
  if (tensor.codebook.empty()) return dequantizeGroups(codes, gridsFrom(tensor, row, firstCol), tensor.scheme, out);
  forUnits(tensor, row, firstCol, firstCol + out.size(), [&](std::size_t first, std::size_t count, std::size_t unit) {
    dequantizeUnit(tensor, unit, codes.subspan(first - firstCol, count), out.subspan(first - firstCol, count));
  });
}

void widen(ValueSpan& span, ValueSpan other) {
  span = {std::min(span.low, other.low), std::max(span.high, other.high)};
}

// E4M3 has codes for what isn't a number.
ValueSpan finiteSpan(const std::vector<float>& codebook) {
  ValueSpan span;
  for (const float value : codebook)
    if (std::isfinite(value)) widen(span, {value, value});
  return span;
}

// The smallest and largest code as a number, or their values in a codebook.
ValueSpan codeEnds(const QuantizedTensor& tensor) {
  if (!tensor.codebook.empty()) return finiteSpan(tensor.codebook);
  const CodeLimits limits = codeLimits(tensor.scheme);
  return {limits.low, limits.high};
}

// What kCountedCodes codes stand for in each group of a row.
void decodeEveryCode(const QuantizedTensor& tensor, std::size_t row, std::span<const std::uint8_t> codes,
                     std::span<float> values) {
  if (tensor.codebook.empty()) {
    GroupGrids grids = gridsOfRow(tensor, row);
    grids.length = kCountedCodes;
    return dequantizeGroups(codes, grids, tensor.scheme, values);
  }
  std::size_t at = 0;
  forUnits(tensor, row, 0, tensor.cols, [&](std::size_t, std::size_t, std::size_t unit) {
    lookUp(codes.subspan(at, kCountedCodes), tensor.codebook, tensor.scales[unit], values.subspan(at, kCountedCodes));
    at += kCountedCodes;
  });
}

}  // namespace

GroupGrids gridsOfRow(const QuantizedTensor& tensor, std::size_t row) { return gridsFrom(tensor, row, 0); }

void dequantizeTile(const QuantizedTensor& tensor, std::size_t firstRow, MatrixSpan out, std::size_t firstCol) {
  if (!tensor.groupIndex.empty()) {
    assert(out.cols == tensor.cols);
    return dequantizeRows(tensor, firstRow, out);
  }
  assert(firstCol % tensor.scheme.groupLength(tensor.cols) == 0);
  for (std::size_t r = 0; r < out.rows; ++r) {
    const auto row = out.row(r);
    dequantizeRow(tensor, firstRow + r, firstCol, row);
    if (tensor.inputScale.empty()) continue;
    for (std::size_t c = 0; c < row.size(); ++c) row[c] /= tensor.inputScale[firstCol + c];
  }
}

void widenToRows(const QuantizedTensor& tensor, std::size_t firstRow, std::size_t rows, ValueSpan& span) {
  std::vector<float> values(tensor.cols);
  const ValueSpan codes = codeEnds(tensor);
  for (std::size_t row = firstRow; row < firstRow + rows; ++row) {
    if (!tensor.groupIndex.empty() || !tensor.inputScale.empty()) {
      dequantizeTile(tensor, row, {values.data(), 1, tensor.cols});
      widen(span, spanOf(values));
      continue;
    }
    forUnits(tensor, row, 0, tensor.cols, [&](std::size_t first, std::size_t count, std::size_t unit) {
      const UnitGrid grid = gridOf(tensor, unit);
      const float a = valueOf(codes.low, grid);
      const float b = valueOf(codes.high, grid);
      if (std::min(a, b) >= span.low && std::max(a, b) <= span.high) return;
      const auto found = std::span(values).first(count);
      dequantizeUnit(tensor, unit, std::span(tensor.codes).subspan(row * tensor.cols + first, count), found);
      widen(span, spanOf(found));
    });
  }
}

bool countFromCodes(const QuantizedTensor& tensor, std::size_t firstRow, std::size_t rows, double low, double high,
                    std::span<std::uint64_t> counts) {
  constexpr std::size_t kLeastGroup = 64;
  const std::size_t length = tensor.scheme.groupLength(tensor.cols);
  const bool isScaled = !tensor.groupIndex.empty() || !tensor.inputScale.empty();
  const bool hasFewCodes = tensor.codebook.empty() ? tensor.scheme.bits <= 4 : tensor.codebook.size() == kCountedCodes;
  if (isScaled || !hasFewCodes || length < kLeastGroup) return false;
  const std::size_t groups = (tensor.cols + length - 1) / length;
  const bool isSigned = tensor.scheme.symmetric && tensor.codebook.empty();
  std::vector<std::uint8_t> codes(groups * kCountedCodes);  // each group's; those above 7 are negative where signed
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t code = i % kCountedCodes;
    codes[i] = static_cast<std::uint8_t>(isSigned && code > 7 ? code - 16 : code);
  }
  std::vector<float> values(codes.size());
  std::vector<std::uint32_t> times(codes.size());
  for (std::size_t row = firstRow; row < firstRow + rows; ++row) {
    countCodes(std::span(tensor.codes).subspan(row * tensor.cols, tensor.cols), length, times);
    decodeEveryCode(tensor, row, codes, values);
    if (!tensor.codebook.empty())
      for (std::size_t i = 0; i < values.size(); ++i)
        if (times[i] == 0) values[i] = 0.0F;  // a codebook may have NaN where no code points
    countValues(values, times, low, high, counts);
  }
  return true;
}

void dequantizeMatrix(const QuantizedTensor& tensor, MatrixSpan out, const RunContext& context) {
  assert(out.rows == tensor.rows && out.cols == tensor.cols);
  const std::size_t step = std::max<std::size_t>(1, (std::size_t{1} << 18) / (tensor.cols + 1));
  parallelFor(context, (tensor.rows + step - 1) / step, [&](std::size_t tile) {
    const std::size_t first = tile * step;
    dequantizeTile(tensor, first, out.middleRows(first, std::min(step, tensor.rows - first)));
  });
}

Matrix dequantizeMatrix(const QuantizedTensor& tensor, const RunContext& context) {
  Matrix weights(tensor.rows, tensor.cols);
  dequantizeMatrix(tensor, weights.span(), context);
  return weights;
}

}  // namespace qs
