#pragma once

#include <span>

#include "core/base/run_context.h"
#include "core/train/real_matrix.h"

namespace qs {

/// What a training loop minimizes: the mean loss of windows of text.
class TrainingTask {
 public:
  virtual ~TrainingTask() = default;
  TrainingTask() = default;
  TrainingTask(const TrainingTask&) = delete;
  TrainingTask& operator=(const TrainingTask&) = delete;
  TrainingTask(TrainingTask&&) = delete;
  TrainingTask& operator=(TrainingTask&&) = delete;

  [[nodiscard]] virtual std::size_t windows() const = 0;
  /// Mean loss of those windows; the gradients that have an entry are set. Throws Cancelled.
  [[nodiscard]] virtual double gradients(std::span<const std::size_t> windows, TensorMap<float>& gradients,
                                         const RunContext& context) = 0;
  /// Mean loss alone.
  [[nodiscard]] virtual double loss(std::span<const std::size_t> windows, const RunContext& context) = 0;
};

}  // namespace qs
