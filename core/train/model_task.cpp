#include "core/train/model_task.h"

#include "core/train/passes/model_pass.h"

namespace qs {

double ModelTask::gradients(std::span<const std::size_t> windows, TensorMap<float>& gradients,
                            const RunContext& context) {
  const GatheredWindows batch = gatherWindows(m_windows, windows);
  const RealMatrix<float> inputs = m_teacher.inputsOf(windows, context);
  return modelGradients<float>(m_model, {batch.ids, batch.targets, m_windows.length},
                               {inputs.view(), &m_teacher.head()}, m_mix, m_keepBytes, gradients, context);
}

double ModelTask::loss(std::span<const std::size_t> windows, const RunContext& context) {
  const GatheredWindows batch = gatherWindows(m_windows, windows);
  const RealMatrix<float> inputs = m_teacher.inputsOf(windows, context);
  return modelLoss<float>(m_model, {batch.ids, batch.targets, m_windows.length}, {inputs.view(), &m_teacher.head()},
                          m_mix, context);
}

}  // namespace qs
