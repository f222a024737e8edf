#include "core/train/passes/head_pass.h"

#include <cmath>

#include "core/train/passes/linear_pass.h"
#include "core/train/passes/norm_pass.h"
#include "core/train/passes/real_math.h"
#include "core/train/passes/row_tiles.h"

namespace qs {

namespace {

constexpr std::size_t kLogitBytes = std::size_t{32} << 20U;  // of a chunk of rows

/// Turns logits into log-probabilities' parts: e^(z − largest) in place; gives ln Σ e^z.
template <typename T>
double exponentials(std::span<T> logits) {
  T largest = logits.front();
  for (const T logit : logits) largest = std::max(largest, logit);
  for (T& logit : logits) logit = realExp(logit - largest);
  double sum = 0;
  for (const T value : logits) sum += static_cast<double>(value);
  return static_cast<double>(largest) + std::log(sum);
}

template <typename T>
class HeadChunk {
 public:
  HeadChunk(const TrainingModel<T>& model, const RunContext& context)
      : m_model(model), m_weight(weightName(model.spec, model.spec.head)), m_context(context) {}

  [[nodiscard]] RealMatrix<T> logits(BasicMatrixView<const T> inputs) const {
    RealMatrix<T> result(inputs.rows, m_model.spec.vocabSize);
    linearForward<T>({m_model.spec.head, m_weight}, m_model.tensors, inputs,
                     blockOf(result.span(), 0, inputs.rows, 0, result.cols()), m_context);
    const auto cap = static_cast<T>(m_model.spec.finalSoftCap);
    if (cap <= T(0)) return result;
    forTrainingRows(result.rows(), m_context, [&](std::size_t, std::size_t first, std::size_t count) {
      for (std::size_t r = first; r < first + count; ++r)
        for (T& value : result.row(r)) value = cap * std::tanh(value / cap);
    });
    return result;
  }

  void backward(BasicMatrixView<const T> inputs, const RealMatrix<T>& gradient, BasicMatrixView<T> inGradient,
                TensorMap<T>& gradients) const {
    linearBackward<T>({m_model.spec.head, m_weight}, m_model.tensors, inputs,
                      blockOf(gradient.view(), 0, gradient.rows(), 0, gradient.cols()), inGradient, true, gradients,
                      m_context);
  }

 private:
  const TrainingModel<T>& m_model;
  std::string m_weight;
  const RunContext& m_context;
};

/// One position: its loss, and the logits become their gradient times `weight`.
template <typename T>
class PositionLoss {
 public:
  PositionLoss(LossMix mix, double weight, T cap) : m_mix(mix), m_weight(weight), m_cap(cap) {}

  double run(std::span<T> logits, std::span<T> teacher, int target) const {
    if (target < 0) {
      std::fill(logits.begin(), logits.end(), T(0));
      return 0;
    }
    const std::vector<T> raw(logits.begin(), logits.end());
    const double logSum = exponentials(logits);
    const double own = 1.0 / sumOf(logits);
    double loss = 0;
    double crossShare = 1;
    double teacherScale = 0;
    if (!teacher.empty()) {
      crossShare = 1.0 - m_mix.divergenceShare;
      loss += m_mix.divergenceShare * divergence(raw, logSum, teacher, teacherScale);
    }
    loss += crossShare * (logSum - static_cast<double>(raw[static_cast<std::size_t>(target)]));
    const auto q = static_cast<T>(m_weight * own);
    const auto p = static_cast<T>(m_weight * m_mix.divergenceShare * teacherScale);
    for (std::size_t i = 0; i < logits.size(); ++i)
      logits[i] = q * logits[i] - (teacher.empty() ? T(0) : p * teacher[i]);
    logits[static_cast<std::size_t>(target)] -= static_cast<T>(m_weight * crossShare);
    if (m_cap > T(0))
      for (std::size_t i = 0; i < logits.size(); ++i) logits[i] *= T(1) - (raw[i] / m_cap) * (raw[i] / m_cap);
    return loss;
  }

 private:
  static double sumOf(std::span<const T> values) {
    double sum = 0;
    for (const T value : values) sum += static_cast<double>(value);
    return sum;
  }

  /// KL(teacher ‖ model); the teacher's logits become exponentials, `scale` their normalisation.
  static double divergence(std::span<const T> raw, double logSum, std::span<T> teacher, double& scale) {
    const std::vector<T> reference(teacher.begin(), teacher.end());
    const double referenceLogSum = exponentials(teacher);
    scale = 1.0 / sumOf(teacher);
    double cross = 0;
    for (std::size_t i = 0; i < raw.size(); ++i)
      cross += static_cast<double>(teacher[i]) * (static_cast<double>(reference[i]) - static_cast<double>(raw[i]));
    return cross * scale - referenceLogSum + logSum;
  }

  LossMix m_mix;
  double m_weight;
  T m_cap;
};

std::size_t predictedOf(std::span<const int> targets) {
  return static_cast<std::size_t>(std::count_if(targets.begin(), targets.end(), [](int t) { return t >= 0; }));
}

}  // namespace

template <typename T>
RealMatrix<T> headInputsOf(const TrainingModel<T>& model, BasicMatrixView<const T> states, const RunContext& context) {
  const ArchitectureSpec& spec = model.spec;
  RealMatrix<T> rows(states.rows, states.cols);
  if (spec.finalNorm)
    rows = normForward<T>(*spec.finalNorm, model.tensors, states, context);
  else
    std::copy(states.values().begin(), states.values().end(), rows.values().begin());
  if (!spec.projectOut) return rows;
  RealMatrix<T> projected(rows.rows(), spec.projectOut->out);
  const std::string name = weightName(spec, *spec.projectOut);
  linearForward<T>({*spec.projectOut, name, model.quantizedInputs.contains(spec.projectOut->name)}, model.tensors,
                   rows.view(), blockOf(projected.span(), 0, rows.rows(), 0, projected.cols()), context);
  return projected;
}

namespace {

template <typename T>
RealMatrix<T> headInputsBackward(const TrainingModel<T>& model, BasicMatrixView<const T> states, RealMatrix<T> gradient,
                                 TensorMap<T>& gradients, const RunContext& context) {
  const ArchitectureSpec& spec = model.spec;
  if (spec.projectOut) {
    RealMatrix<T> normed;
    if (spec.finalNorm) normed = normForward<T>(*spec.finalNorm, model.tensors, states, context);
    const BasicMatrixView<const T> in = spec.finalNorm ? normed.view() : states;
    RealMatrix<T> before(states.rows, states.cols);
    const std::string name = weightName(spec, *spec.projectOut);
    linearBackward<T>({*spec.projectOut, name, model.quantizedInputs.contains(spec.projectOut->name)}, model.tensors,
                      in, blockOf(gradient.view(), 0, gradient.rows(), 0, gradient.cols()), before.span(), true,
                      gradients, context);
    gradient = std::move(before);
  }
  if (!spec.finalNorm) return gradient;
  return normBackward<T>(*spec.finalNorm, model.tensors, states, gradient.view(), gradients, context);
}

}  // namespace

template <typename T>
HeadResult<T> headPass(const TrainingModel<T>& model, RealMatrix<T> states, std::span<const int> targets,
                       const TeacherRows<T>& teacher, LossMix mix, TensorMap<T>* gradients, const RunContext& context) {
  HeadResult<T> result{.predicted = predictedOf(targets)};
  const RealMatrix<T> inputs = headInputsOf<T>(model, states.view(), context);
  const HeadChunk<T> head(model, context);
  const HeadChunk<T> teacherHead(teacher.model != nullptr ? *teacher.model : model, context);
  const bool hasTeacher = teacher.inputs.rows > 0;
  const PositionLoss<T> position(mix, 1.0 / static_cast<double>(std::max<std::size_t>(1, result.predicted)),
                                 static_cast<T>(model.spec.finalSoftCap));
  RealMatrix<T> inGradient(gradients != nullptr ? inputs.rows() : 0, inputs.cols());
  const std::size_t perChunk = std::max(
      kTrainingTileRows, kLogitBytes / (sizeof(T) * model.spec.vocabSize) / kTrainingTileRows * kTrainingTileRows);
  std::vector<double> losses(inputs.rows(), 0.0);
  for (std::size_t first = 0; first < inputs.rows(); first += perChunk) {
    const std::size_t count = std::min(perChunk, inputs.rows() - first);
    const BasicMatrixView<const T> rows = inputs.view().middleRows(first, count);
    RealMatrix<T> logits = head.logits(rows);
    RealMatrix<T> reference;
    if (hasTeacher) reference = teacherHead.logits(teacher.inputs.middleRows(first, count));
    parallelFor(context, (count + 15) / 16, [&](std::size_t tile) {
      for (std::size_t r = tile * 16; r < std::min(count, (tile + 1) * 16); ++r)
        losses[first + r] =
            position.run(logits.row(r), hasTeacher ? reference.row(r) : std::span<T>(), targets[first + r]);
    });
    if (gradients != nullptr) head.backward(rows, logits, inGradient.span().middleRows(first, count), *gradients);
  }
  for (const double loss : losses) result.loss += loss;
  if (gradients != nullptr)
    result.gradient = headInputsBackward<T>(model, states.view(), std::move(inGradient), *gradients, context);
  return result;
}

template RealMatrix<float> headInputsOf(const TrainingModel<float>&, BasicMatrixView<const float>, const RunContext&);
template RealMatrix<double> headInputsOf(const TrainingModel<double>&, BasicMatrixView<const double>,
                                         const RunContext&);
template HeadResult<float> headPass(const TrainingModel<float>&, RealMatrix<float>, std::span<const int>,
                                    const TeacherRows<float>&, LossMix, TensorMap<float>*, const RunContext&);
template HeadResult<double> headPass(const TrainingModel<double>&, RealMatrix<double>, std::span<const int>,
                                     const TeacherRows<double>&, LossMix, TensorMap<double>*, const RunContext&);

}  // namespace qs
