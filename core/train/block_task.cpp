#include "core/train/block_task.h"

#include "core/train/passes/block_pass.h"

namespace qs {

namespace {

double energyOf(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

}  // namespace

BlockTask::BlockTask(const TrainingModel<float>& model, std::size_t block, MatrixView inputs, MatrixView targets,
                     std::size_t windowLength)
    : m_model(model), m_block(block), m_inputs(inputs), m_targets(targets), m_windowLength(windowLength) {
  const double energy = energyOf(targets.values()) / static_cast<double>(targets.rows);
  if (energy > 0) m_rowEnergy = energy;
}

RealMatrix<float> BlockTask::rowsOf(MatrixView from, std::span<const std::size_t> windows) const {
  RealMatrix<float> rows(windows.size() * m_windowLength, from.cols);
  const std::size_t size = m_windowLength * from.cols;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto part = from.middleRows(windows[i] * m_windowLength, m_windowLength).values();
    std::copy(part.begin(), part.end(), rows.values().subspan(i * size, size).begin());
  }
  return rows;
}

double BlockTask::gradients(std::span<const std::size_t> windows, TensorMap<float>& gradients,
                            const RunContext& context) {
  for (auto& [name, gradient] : gradients) std::fill(gradient.values().begin(), gradient.values().end(), 0.0F);
  BlockRecord<float> record;
  RealMatrix<float> out =
      blockForward<float>(m_model, m_block, rowsOf(m_inputs, windows), m_windowLength, &record, context);
  const RealMatrix<float> targets = rowsOf(m_targets, windows);
  for (std::size_t i = 0; i < out.values().size(); ++i) out.values()[i] -= targets.values()[i];
  const double share = m_rowEnergy * static_cast<double>(out.rows());
  const double loss = energyOf(out.values()) / share;
  const auto factor = static_cast<float>(2.0 / share);
  for (float& value : out.values()) value *= factor;
  static_cast<void>(blockBackward<float>(m_model, m_block, record, std::move(out), m_windowLength, gradients, context));
  return loss;
}

double BlockTask::loss(std::span<const std::size_t> windows, const RunContext& context) {
  RealMatrix<float> out =
      blockForward<float>(m_model, m_block, rowsOf(m_inputs, windows), m_windowLength, nullptr, context);
  const RealMatrix<float> targets = rowsOf(m_targets, windows);
  for (std::size_t i = 0; i < out.values().size(); ++i) out.values()[i] -= targets.values()[i];
  return energyOf(out.values()) / (m_rowEnergy * static_cast<double>(out.rows()));
}

}  // namespace qs
