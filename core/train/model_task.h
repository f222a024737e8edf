#pragma once

#include "core/model/runner/token_windows.h"
#include "core/train/teacher.h"
#include "core/train/training_options.h"
#include "core/train/training_task.h"

namespace qs {

/// The whole model's language-modelling loss.
class ModelTask final : public TrainingTask {
 public:
  /// Everything passed in must outlive it; `model` is the one in training.
  ModelTask(const TrainingModel<float>& model, const TokenWindows& windows, Teacher& teacher, LossMix mix,
            std::size_t keepBytes)
      : m_model(model), m_windows(windows), m_teacher(teacher), m_mix(mix), m_keepBytes(keepBytes) {}

  [[nodiscard]] std::size_t windows() const override { return m_windows.count(); }
  [[nodiscard]] double gradients(std::span<const std::size_t> windows, TensorMap<float>& gradients,
                                 const RunContext& context) override;
  [[nodiscard]] double loss(std::span<const std::size_t> windows, const RunContext& context) override;

 private:
  const TrainingModel<float>& m_model;
  const TokenWindows& m_windows;
  Teacher& m_teacher;
  LossMix m_mix;
  std::size_t m_keepBytes;
};

}  // namespace qs
