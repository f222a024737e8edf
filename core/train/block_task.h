#pragma once

#include "core/tensor/matrix.h"
#include "core/train/training_model.h"
#include "core/train/training_task.h"

namespace qs {

/// One block's reconstruction: ‖block(x) − y‖² as a share of ‖y‖², where x are the states that the quantized blocks
/// before give, and y what the unquantized model's block gives.
class BlockTask final : public TrainingTask {
 public:
  /// `inputs` and `targets` are [windows · windowLength, hidden]. Everything passed in must outlive it.
  BlockTask(const TrainingModel<float>& model, std::size_t block, MatrixView inputs, MatrixView targets,
            std::size_t windowLength);

  [[nodiscard]] std::size_t windows() const override { return m_inputs.rows / m_windowLength; }
  [[nodiscard]] double gradients(std::span<const std::size_t> windows, TensorMap<float>& gradients,
                                 const RunContext& context) override;
  [[nodiscard]] double loss(std::span<const std::size_t> windows, const RunContext& context) override;

 private:
  [[nodiscard]] RealMatrix<float> rowsOf(MatrixView from, std::span<const std::size_t> windows) const;

  const TrainingModel<float>& m_model;
  std::size_t m_block;
  MatrixView m_inputs;
  MatrixView m_targets;
  std::size_t m_windowLength;
  double m_rowEnergy = 1;  ///< mean ‖y‖² of a row
};

}  // namespace qs
