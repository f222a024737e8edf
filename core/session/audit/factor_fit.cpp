#include "core/session/audit/factor_fit.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "core/base/number_text.h"
#include "core/base/parallel.h"

namespace qs {

namespace {

constexpr std::size_t kTiles = 64;  // bounds the memory of the partial sums

struct Sums {
  std::vector<double> product;
  std::vector<double> square;
  std::vector<double> approximated;  // squares of the approximation

  explicit Sums(std::size_t count = 0) : product(count), square(count), approximated(count) {}
  void add(std::size_t i, float reference, float approximation) {
    product[i] += static_cast<double>(reference) * static_cast<double>(approximation);
    square[i] += static_cast<double>(reference) * static_cast<double>(reference);
    approximated[i] += static_cast<double>(approximation) * static_cast<double>(approximation);
  }
  void add(std::size_t i, const Sums& other) {
    product[i] += other.product[i];
    square[i] += other.square[i];
    approximated[i] += other.approximated[i];
  }
  [[nodiscard]] FittedFactors fitted() const {
    FittedFactors fitted{std::vector<float>(product.size(), 1.0F), std::vector<float>(product.size(), 0.0F)};
    for (std::size_t i = 0; i < product.size(); ++i) {
      if (!(square[i] > 0) || !std::isfinite(product[i])) continue;
      fitted.factors[i] = static_cast<float>(product[i] / square[i]);
      const double explained = product[i] * product[i] / square[i];
      fitted.noise[i] = static_cast<float>(std::sqrt(std::max(0.0, approximated[i] - explained) / explained));
    }
    return fitted;
  }
};

}  // namespace

FittedFactors fitColumns(const TensorRows& reference, const TensorRows& approximation, const RunContext& context) {
  const std::size_t tileRows = (reference.rows + kTiles - 1) / kTiles;
  std::vector<Sums> tiles(kTiles);
  parallelFor(context, kTiles, [&](std::size_t tile) {
    tiles[tile] = Sums(reference.cols);
    std::vector<float> expected(reference.cols);
    std::vector<float> got(reference.cols);
    const std::size_t last = std::min(reference.rows, (tile + 1) * tileRows);
    for (std::size_t row = tile * tileRows; row < last; ++row) {
      reference.read(row, expected);
      approximation.read(row, got);
      for (std::size_t col = 0; col < reference.cols; ++col) tiles[tile].add(col, expected[col], got[col]);
    }
  });
  Sums total(reference.cols);
  for (const Sums& tile : tiles)
    for (std::size_t col = 0; col < reference.cols; ++col) total.add(col, tile);
  return total.fitted();
}

std::vector<float> fitColumnFactors(const TensorRows& reference, const TensorRows& approximation,
                                    const RunContext& context) {
  return fitColumns(reference, approximation, context).factors;
}

std::vector<float> fitRowFactors(const TensorRows& reference, const TensorRows& approximation,
                                 const RunContext& context) {
  const std::size_t tileRows = (reference.rows + kTiles - 1) / kTiles;
  Sums total(reference.rows);
  parallelFor(context, kTiles, [&](std::size_t tile) {
    std::vector<float> expected(reference.cols);
    std::vector<float> got(reference.cols);
    const std::size_t last = std::min(reference.rows, (tile + 1) * tileRows);
    for (std::size_t row = tile * tileRows; row < last; ++row) {
      reference.read(row, expected);
      approximation.read(row, got);
      for (std::size_t col = 0; col < reference.cols; ++col) total.add(row, expected[col], got[col]);
    }
  });
  return total.fitted().factors;
}

TensorRows dividedRows(const TensorRows& rows, std::vector<float> rowFactors, std::vector<float> columnFactors) {
  if (rowFactors.empty() && columnFactors.empty()) return rows;
  const auto byRow = std::make_shared<const std::vector<float>>(std::move(rowFactors));
  const auto byColumn = std::make_shared<const std::vector<float>>(std::move(columnFactors));
  return {rows.rows, rows.cols, [rows, byRow, byColumn](std::size_t row, std::span<float> out) {
            rows.read(row, out);
            const float factor = byRow->empty() ? 1.0F : (*byRow)[row];
            for (std::size_t col = 0; col < out.size(); ++col)
              out[col] /= byColumn->empty() ? factor : factor * (*byColumn)[col];
          }};
}

bool undoEachOther(std::span<const float> first, std::span<const float> second) {
  constexpr double kLeft = 0.25;  // of the squared logarithms: what quantization noise may leave
  double left = 0;
  double own = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (!(first[i] > 0) || !(second[i] > 0)) continue;
    const double a = std::log(static_cast<double>(first[i]));
    const double b = std::log(static_cast<double>(second[i]));
    left += (a + b) * (a + b);
    own += std::max(a * a, b * b);
  }
  return first.size() == second.size() && own > 0 && left < kLeft * own;
}

std::string rangeText(std::span<const float> factors) {
  if (factors.empty()) return "1";
  const auto [low, high] = std::ranges::minmax(factors);
  return roundedText(static_cast<double>(low), 3) + " to " + roundedText(static_cast<double>(high), 3);
}

}  // namespace qs
