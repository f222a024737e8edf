#include "core/train/passes/model_pass.h"

#include <algorithm>

#include "core/train/passes/block_pass.h"
#include "core/train/passes/embedding_pass.h"

namespace qs {

std::size_t recordValuesPerRow(const ArchitectureSpec& spec) {
  const std::size_t qkv = (spec.heads + 2 * spec.kvHeads) * spec.headDim;
  return 6 * spec.hiddenSize + 2 * qkv + spec.heads * spec.headDim + 3 * spec.intermediateSize;
}

template <typename T>
double modelLoss(const TrainingModel<T>& model, const PassInput& input, const TeacherRows<T>& teacher, LossMix mix,
                 const RunContext& context) {
  RealMatrix<T> states = embedForward<T>(model, input.ids, input.windowLength, context);
  for (std::size_t block = 0; block < model.spec.blocks.size(); ++block)
    states = blockForward<T>(model, block, std::move(states), input.windowLength, nullptr, context);
  const HeadResult<T> head = headPass<T>(model, std::move(states), input.targets, teacher, mix, nullptr, context);
  return head.loss / static_cast<double>(std::max<std::size_t>(1, head.predicted));
}

template <typename T>
double modelGradients(const TrainingModel<T>& model, const PassInput& input, const TeacherRows<T>& teacher, LossMix mix,
                      std::size_t keepBytes, TensorMap<T>& gradients, const RunContext& context) {
  for (auto& [name, gradient] : gradients) std::fill(gradient.values().begin(), gradient.values().end(), T(0));
  const std::size_t blocks = model.spec.blocks.size();
  const std::size_t recordBytes = recordValuesPerRow(model.spec) * input.ids.size() * sizeof(T);
  const std::size_t kept = std::min(blocks, keepBytes / std::max<std::size_t>(1, recordBytes));
  // The last blocks' records are the first to be needed, and the first to be let go.
  std::vector<BlockRecord<T>> records(blocks);
  RealMatrix<T> states = embedForward<T>(model, input.ids, input.windowLength, context);
  for (std::size_t block = 0; block < blocks; ++block) {
    const bool keeps = blocks - block <= kept;
    if (!keeps) records[block].input = states;
    states = blockForward<T>(model, block, std::move(states), input.windowLength, keeps ? &records[block] : nullptr,
                             context);
  }
  HeadResult<T> head = headPass<T>(model, std::move(states), input.targets, teacher, mix, &gradients, context);
  RealMatrix<T> gradient = std::move(head.gradient);
  for (std::size_t block = blocks; block-- > 0;) {
    if (records[block].qkv.empty()) {
      RealMatrix<T> in = std::move(records[block].input);
      static_cast<void>(blockForward<T>(model, block, std::move(in), input.windowLength, &records[block], context));
    }
    gradient =
        blockBackward<T>(model, block, records[block], std::move(gradient), input.windowLength, gradients, context);
    records[block] = {};
  }
  embedBackward<T>(model, input.ids, input.windowLength, gradient, gradients, context);
  return head.loss / static_cast<double>(std::max<std::size_t>(1, head.predicted));
}

template double modelLoss(const TrainingModel<float>&, const PassInput&, const TeacherRows<float>&, LossMix,
                          const RunContext&);
template double modelLoss(const TrainingModel<double>&, const PassInput&, const TeacherRows<double>&, LossMix,
                          const RunContext&);
template double modelGradients(const TrainingModel<float>&, const PassInput&, const TeacherRows<float>&, LossMix,
                               std::size_t, TensorMap<float>&, const RunContext&);
template double modelGradients(const TrainingModel<double>&, const PassInput&, const TeacherRows<double>&, LossMix,
                               std::size_t, TensorMap<double>&, const RunContext&);

}  // namespace qs
