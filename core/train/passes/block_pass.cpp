#include "core/train/passes/block_pass.h"

#include "core/train/passes/activation_pass.h"
#include "core/train/passes/attention_pass.h"
#include "core/train/passes/linear_pass.h"
#include "core/train/passes/norm_pass.h"
#include "core/train/passes/row_tiles.h"

namespace qs {

namespace {

template <typename T>
void addTo(RealMatrix<T>& sum, const RealMatrix<T>& more, const RunContext& context) {
  const BasicMatrixView<T> to = sum.span();
  forTrainingRows(sum.rows(), context, [&](std::size_t, std::size_t first, std::size_t count) {
    T* out = to.data + first * to.cols;
    const T* in = more.values().data() + first * to.cols;
    for (std::size_t i = 0; i < count * to.cols; ++i) out[i] += in[i];
  });
}

/// Linears that read the same rows, their products side by side.
template <typename T>
class Projection {
 public:
  Projection(const TrainingModel<T>& model, const std::vector<LinearSpec>& linears, const RunContext& context)
      : m_model(model), m_linears(linears), m_context(context) {
    for (const LinearSpec& linear : linears) m_width += linear.out;
  }

  [[nodiscard]] RealMatrix<T> forward(BasicMatrixView<const T> in) const {
    RealMatrix<T> out(in.rows, m_width);
    std::size_t offset = 0;
    for (const LinearSpec& linear : m_linears) {
      const std::string name = weightName(m_model.spec, linear);
      linearForward<T>(trained(linear, name), m_model.tensors, in, blockOf(out.span(), 0, in.rows, offset, linear.out),
                       m_context);
      offset += linear.out;
    }
    return out;
  }

  [[nodiscard]] RealMatrix<T> backward(BasicMatrixView<const T> in, BasicMatrixView<const T> outGradient,
                                       TensorMap<T>& gradients) const {
    RealMatrix<T> inGradient(in.rows, in.cols);
    std::size_t offset = 0;
    for (const LinearSpec& linear : m_linears) {
      const std::string name = weightName(m_model.spec, linear);
      linearBackward<T>(trained(linear, name), m_model.tensors, in,
                        blockOf(outGradient, 0, in.rows, offset, linear.out), inGradient.span(), offset == 0, gradients,
                        m_context);
      offset += linear.out;
    }
    return inGradient;
  }

 private:
  [[nodiscard]] TrainedLinear<T> trained(const LinearSpec& linear, const std::string& name) const {
    return {linear, name, m_model.quantizedInputs.contains(linear.name)};
  }

  const TrainingModel<T>& m_model;
  const std::vector<LinearSpec>& m_linears;
  const RunContext& m_context;
  std::size_t m_width = 0;
};

template <typename T>
class BlockPass {
 public:
  BlockPass(const TrainingModel<T>& model, std::size_t block, std::size_t windowLength, const RunContext& context)
      : m_model(model),
        m_block(model.spec.blocks.at(block)),
        m_windowLength(windowLength),
        m_context(context),
        m_attentionOutput{m_block.attention.output},
        m_down{m_block.mlp.down} {}

  RealMatrix<T> forward(RealMatrix<T> states, BlockRecord<T>& record) const {
    record.input = std::move(states);
    RealMatrix<T> out = record.input;
    RealMatrix<T> added = attentionForward(record);
    if (m_block.form == BlockForm::Parallel) {
      addTo(added, mlpForward(record), m_context);
      addTo(out, added, m_context);
      return out;
    }
    addTo(out, added, m_context);
    if (isPostNorm()) {
      record.afterSum = std::move(out);
      out = norm(m_block.attentionNorm, record.afterSum);
    }
    record.middle = out;
    addTo(out, mlpForward(record), m_context);
    if (!isPostNorm()) return out;
    record.afterMlpSum = std::move(out);
    return norm(*m_block.mlpNorm, record.afterMlpSum);
  }

  RealMatrix<T> backward(const BlockRecord<T>& record, RealMatrix<T> gradient, TensorMap<T>& gradients) const {
    if (m_block.form == BlockForm::Parallel) return parallelBackward(record, std::move(gradient), gradients);
    if (isPostNorm()) gradient = normBack(*m_block.mlpNorm, record.afterMlpSum, gradient, gradients);
    RealMatrix<T> mlpIn = mlpBackward(record, gradient, gradients);
    if (!isPostNorm()) mlpIn = normBack(*m_block.mlpNorm, record.middle, mlpIn, gradients);
    addTo(gradient, mlpIn, m_context);
    if (isPostNorm()) gradient = normBack(m_block.attentionNorm, record.afterSum, gradient, gradients);
    RealMatrix<T> attentionIn = attentionBackward(record, gradient, gradients);
    if (!isPostNorm()) attentionIn = normBack(m_block.attentionNorm, record.input, attentionIn, gradients);
    addTo(gradient, attentionIn, m_context);
    return gradient;
  }

 private:
  [[nodiscard]] bool isPostNorm() const { return m_block.form == BlockForm::PostNorm; }

  [[nodiscard]] RealMatrix<T> norm(const NormSpec& spec, const RealMatrix<T>& in) const {
    return normForward<T>(spec, m_model.tensors, in.view(), m_context);
  }
  [[nodiscard]] RealMatrix<T> normBack(const NormSpec& spec, const RealMatrix<T>& in, const RealMatrix<T>& gradient,
                                       TensorMap<T>& gradients) const {
    return normBackward<T>(spec, m_model.tensors, in.view(), gradient.view(), gradients, m_context);
  }

  [[nodiscard]] BasicMatrixView<const T> attentionInput(const BlockRecord<T>& record) const {
    return isPostNorm() ? record.input.view() : record.normed.view();
  }
  [[nodiscard]] BasicMatrixView<const T> mlpInput(const BlockRecord<T>& record) const {
    if (isPostNorm()) return record.middle.view();
    return m_block.mlpNorm ? record.mlpNormed.view() : record.normed.view();
  }

  /// What attention adds to the residual.
  RealMatrix<T> attentionForward(BlockRecord<T>& record) const {
    const AttentionSpec& attention = m_block.attention;
    if (!isPostNorm()) record.normed = norm(m_block.attentionNorm, record.input);
    record.qkv = Projection<T>(m_model, attention.inputs, m_context).forward(attentionInput(record));
    if (attention.queryNorm || attention.keyNorm) record.rawQkv = record.qkv;
    placeHeads<T>(m_model.spec, attention, m_model.tensors, record.qkv.span(), m_windowLength, m_context);
    record.mixed = attendForward<T>(m_model.spec, attention, record.qkv.view(), m_windowLength, m_context);
    RealMatrix<T> added = Projection<T>(m_model, m_attentionOutput, m_context).forward(record.mixed.view());
    if (!m_block.postAttentionNorm) return added;
    record.attended = std::move(added);
    return norm(*m_block.postAttentionNorm, record.attended);
  }

  /// The gradient of what attention reads.
  RealMatrix<T> attentionBackward(const BlockRecord<T>& record, const RealMatrix<T>& addedGradient,
                                  TensorMap<T>& gradients) const {
    const AttentionSpec& attention = m_block.attention;
    RealMatrix<T> before;
    if (m_block.postAttentionNorm)
      before = normBack(*m_block.postAttentionNorm, record.attended, addedGradient, gradients);
    const RealMatrix<T>& added = m_block.postAttentionNorm ? before : addedGradient;
    const RealMatrix<T> mixed =
        Projection<T>(m_model, m_attentionOutput, m_context).backward(record.mixed.view(), added.view(), gradients);
    RealMatrix<T> qkv =
        attendBackward<T>(m_model.spec, attention, record.qkv.view(), mixed.view(), m_windowLength, m_context);
    placeHeadsBackward<T>(m_model.spec, attention, m_model.tensors, record.rawQkv.view(), qkv.span(), m_windowLength,
                          gradients, m_context);
    return Projection<T>(m_model, attention.inputs, m_context).backward(attentionInput(record), qkv.view(), gradients);
  }

  RealMatrix<T> mlpForward(BlockRecord<T>& record) const {
    if (!isPostNorm() && m_block.mlpNorm)
      record.mlpNormed = norm(*m_block.mlpNorm, m_block.form == BlockForm::Parallel ? record.input : record.middle);
    record.projected = Projection<T>(m_model, m_block.mlp.inputs, m_context).forward(mlpInput(record));
    record.activated = activateForward<T>(m_block.mlp, record.projected.view(), m_context);
    RealMatrix<T> added = Projection<T>(m_model, m_down, m_context).forward(record.activated.view());
    if (!m_block.postMlpNorm) return added;
    record.mlpAdded = std::move(added);
    return norm(*m_block.postMlpNorm, record.mlpAdded);
  }

  RealMatrix<T> mlpBackward(const BlockRecord<T>& record, const RealMatrix<T>& addedGradient,
                            TensorMap<T>& gradients) const {
    RealMatrix<T> before;
    if (m_block.postMlpNorm) before = normBack(*m_block.postMlpNorm, record.mlpAdded, addedGradient, gradients);
    const RealMatrix<T>& added = m_block.postMlpNorm ? before : addedGradient;
    const RealMatrix<T> activated =
        Projection<T>(m_model, m_down, m_context).backward(record.activated.view(), added.view(), gradients);
    const RealMatrix<T> projected =
        activateBackward<T>(m_block.mlp, record.projected.view(), activated.view(), m_context);
    return Projection<T>(m_model, m_block.mlp.inputs, m_context)
        .backward(mlpInput(record), projected.view(), gradients);
  }

  RealMatrix<T> parallelBackward(const BlockRecord<T>& record, RealMatrix<T> gradient, TensorMap<T>& gradients) const {
    RealMatrix<T> in = attentionBackward(record, gradient, gradients);
    RealMatrix<T> more = mlpBackward(record, gradient, gradients);
    if (m_block.mlpNorm)
      more = normBack(*m_block.mlpNorm, record.input, more, gradients);
    else
      addTo(in, more, m_context);
    in = normBack(m_block.attentionNorm, record.input, in, gradients);
    addTo(gradient, in, m_context);
    if (m_block.mlpNorm) addTo(gradient, more, m_context);
    return gradient;
  }

  const TrainingModel<T>& m_model;
  const BlockSpec& m_block;
  std::size_t m_windowLength;
  const RunContext& m_context;
  std::vector<LinearSpec> m_attentionOutput;
  std::vector<LinearSpec> m_down;
};

}  // namespace

template <typename T>
RealMatrix<T> blockForward(const TrainingModel<T>& model, std::size_t block, RealMatrix<T> states,
                           std::size_t windowLength, BlockRecord<T>* record, const RunContext& context) {
  BlockRecord<T> dropped;
  return BlockPass<T>(model, block, windowLength, context)
      .forward(std::move(states), record == nullptr ? dropped : *record);
}

template <typename T>
RealMatrix<T> blockBackward(const TrainingModel<T>& model, std::size_t block, const BlockRecord<T>& record,
                            RealMatrix<T> outGradient, std::size_t windowLength, TensorMap<T>& gradients,
                            const RunContext& context) {
  return BlockPass<T>(model, block, windowLength, context).backward(record, std::move(outGradient), gradients);
}

template RealMatrix<float> blockForward(const TrainingModel<float>&, std::size_t, RealMatrix<float>, std::size_t,
                                        BlockRecord<float>*, const RunContext&);
template RealMatrix<double> blockForward(const TrainingModel<double>&, std::size_t, RealMatrix<double>, std::size_t,
                                         BlockRecord<double>*, const RunContext&);
template RealMatrix<float> blockBackward(const TrainingModel<float>&, std::size_t, const BlockRecord<float>&,
                                         RealMatrix<float>, std::size_t, TensorMap<float>&, const RunContext&);
template RealMatrix<double> blockBackward(const TrainingModel<double>&, std::size_t, const BlockRecord<double>&,
                                          RealMatrix<double>, std::size_t, TensorMap<double>&, const RunContext&);

}  // namespace qs
