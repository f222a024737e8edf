#include "core/session/linear_weights.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/convert.h"
#include "core/kernels/finite.h"
#include "core/session/layer_filter.h"

namespace qs {

namespace {

constexpr std::size_t kTileElements = 512 * 1024;

bool isConv1dName(std::string_view layer) {
  return layer.ends_with(".c_attn") || layer.ends_with(".c_proj") || layer.ends_with(".c_fc") ||
         layer.ends_with(".q_attn");
}

bool isGpt2(const Checkpoint& model) {
  if (model.contents().configJson.empty()) return false;
  const nlohmann::json config = nlohmann::json::parse(model.contents().configJson, nullptr, false);
  return config.is_object() && config.value("model_type", nlohmann::json()) == "gpt2";
}

[[noreturn]] void refuseNonFinite(const CheckpointTensor& tensor, float value, std::size_t index) {
  const std::size_t cols = tensor.info.shape[1];
  throw inputError(tensor.file + ", tensor '" + tensor.info.name + "'",
                   std::string(std::isnan(value) ? "NaN" : "infinity") + " at [" + std::to_string(index / cols) + ", " +
                       std::to_string(index % cols) + "]: only finite weights can be quantized");
}

}  // namespace

bool isStoredTransposed(const Checkpoint& model, const TensorInfo& tensor) {
  return tensor.shape.size() == 2 && isConv1dName(layerName(tensor.name)) && isGpt2(model);
}

Shape linearShape(const Checkpoint& model, const TensorInfo& tensor) {
  Shape shape = tensor.shape;
  if (isStoredTransposed(model, tensor)) std::swap(shape[0], shape[1]);
  return shape;
}

Matrix loadLinear(const Checkpoint& model, const CheckpointTensor& tensor, const RunContext& context) {
  const Shape& shape = tensor.info.shape;
  if (shape.size() != 2)
    throw inputError(tensor.file + ", tensor '" + tensor.info.name + "'",
                     "is no matrix: its shape is " + toText(shape));
  Matrix values = Matrix::unset(shape[0], shape[1]);
  const std::size_t tiles = (values.values().size() + kTileElements - 1) / kTileElements;
  parallelFor(context, tiles, [&](std::size_t tile) {
    const std::size_t first = tile * kTileElements;
    const std::span<float> part =
        values.values().subspan(first, std::min(kTileElements, values.values().size() - first));
    tensor.source->read(first, part);
    if (const auto bad = findNonFinite(part)) refuseNonFinite(tensor, part[*bad], first + *bad);
  });
  tensor.source->release();
  if (isStoredTransposed(model, tensor.info)) return transposed(values.view());
  return values;
}

std::optional<StoredRows> storedLinear(const Checkpoint& model, const CheckpointTensor& tensor) {
  const std::optional<TensorView> stored = tensor.source->stored();
  if (!stored || !StoredRows::holds(stored->dtype) || stored->shape.size() != 2) return std::nullopt;
  if (isStoredTransposed(model, tensor.info)) return std::nullopt;
  return StoredRows{stored->dtype, stored->bytes.data(), stored->shape[0], stored->shape[1]};
}

void requireFinite(const CheckpointTensor& tensor, const StoredRows& weights) {
  std::vector<float> values(weights.cols);
  for (std::size_t row = 0; row < weights.rows; ++row) {
    widenToFloat(weights.type, weights.middle(row, 1).contents(), values);
    if (const auto bad = findNonFinite(values)) refuseNonFinite(tensor, values[*bad], row * weights.cols + *bad);
  }
}

Matrix transposed(MatrixView matrix) {
  constexpr std::size_t kBlock = 32;
  Matrix result = Matrix::unset(matrix.cols, matrix.rows);
  for (std::size_t r0 = 0; r0 < matrix.rows; r0 += kBlock)
    for (std::size_t c0 = 0; c0 < matrix.cols; c0 += kBlock)
      for (std::size_t r = r0; r < std::min(r0 + kBlock, matrix.rows); ++r)
        for (std::size_t c = c0; c < std::min(c0 + kBlock, matrix.cols); ++c) result(c, r) = matrix(r, c);
  return result;
}

}  // namespace qs
