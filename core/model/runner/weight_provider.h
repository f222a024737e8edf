#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/base/run_context.h"
#include "core/model/architecture_spec.h"
#include "core/tensor/matrix.h"

namespace qs {

/// Where the runner gets a model's weights from: the checkpoint, or quantized substitutes for some of its linears.
/// All functions may be called from several threads; all throw Error for tensors that can't be read.
class WeightProvider {
 public:
  virtual ~WeightProvider() = default;
  WeightProvider() = default;
  WeightProvider(const WeightProvider&) = delete;
  WeightProvider& operator=(const WeightProvider&) = delete;
  WeightProvider(WeightProvider&&) = delete;
  WeightProvider& operator=(WeightProvider&&) = delete;

  /// All weights of a linear, [out, in] (Conv1D turned). The runner lets go of them after the block.
  [[nodiscard]] virtual std::shared_ptr<const Matrix> linear(const LinearSpec& linear,
                                                             const RunContext& context) const = 0;
  /// Weights of the head, rows first..first+out.rows-1 into `out` [rows, in].
  virtual void headRows(std::size_t first, MatrixSpan out) const = 0;
  /// A 1-D tensor: a norm's weight or bias, a linear's bias.
  [[nodiscard]] virtual std::vector<float> vector(const std::string& tensor) const = 0;
  /// Rows of an embedding or position table.
  virtual void tableRow(const std::string& tensor, std::size_t row, std::span<float> out) const = 0;

  /// Whether this linear's inputs are quantized when the model runs (W8A8).
  [[nodiscard]] virtual bool quantizesInputs(const LinearSpec& linear) const;
  /// Replaces inputs [rows, in] of a linear, in the original domain, by what is left of them after quantization. Rows
  /// come in tiles, each row once: a row's result must not depend on its neighbours.
  virtual void quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const;
};

}  // namespace qs
