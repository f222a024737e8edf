#include "core/train/passes/embedding_pass.h"

#include "core/train/passes/linear_pass.h"
#include "core/train/passes/row_tiles.h"

namespace qs {

namespace {

template <typename T>
RealMatrix<T> tableRows(const TrainingModel<T>& model, std::span<const int> ids, const RunContext& context) {
  const RealMatrix<T>& table = model.tensors.at(model.spec.embedding);
  const auto scale = static_cast<T>(model.spec.embeddingScale);
  RealMatrix<T> rows(ids.size(), table.cols());
  forTrainingRows(ids.size(), context, [&](std::size_t, std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) {
      const std::span<const T> from = table.row(static_cast<std::size_t>(ids[r]));
      for (std::size_t c = 0; c < from.size(); ++c) rows.row(r)[c] = from[c] * scale;
    }
  });
  return rows;
}

}  // namespace

template <typename T>
RealMatrix<T> embedForward(const TrainingModel<T>& model, std::span<const int> ids, std::size_t windowLength,
                           const RunContext& context) {
  const ArchitectureSpec& spec = model.spec;
  RealMatrix<T> states = tableRows(model, ids, context);
  if (spec.projectIn) {
    RealMatrix<T> projected(ids.size(), spec.projectIn->out);
    const std::string name = weightName(spec, *spec.projectIn);
    linearForward<T>({*spec.projectIn, name, model.quantizedInputs.contains(spec.projectIn->name)}, model.tensors,
                     states.view(), blockOf(projected.span(), 0, ids.size(), 0, projected.cols()), context);
    states = std::move(projected);
  }
  if (spec.positionTable.empty()) return states;
  const RealMatrix<T>& positions = model.tensors.at(spec.positionTable);
  forTrainingRows(ids.size(), context, [&](std::size_t, std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) {
      const std::span<const T> from = positions.row(r % windowLength + spec.positionOffset);
      for (std::size_t c = 0; c < from.size(); ++c) states.row(r)[c] += from[c];
    }
  });
  return states;
}

template <typename T>
void embedBackward(const TrainingModel<T>& model, std::span<const int> ids, std::size_t windowLength,
                   const RealMatrix<T>& gradient, TensorMap<T>& gradients, const RunContext& context) {
  const ArchitectureSpec& spec = model.spec;
  if (const auto positions = gradients.find(spec.positionTable); positions != gradients.end())
    for (std::size_t r = 0; r < ids.size(); ++r) {
      const std::span<T> to = positions->second.row(r % windowLength + spec.positionOffset);
      for (std::size_t c = 0; c < to.size(); ++c) to[c] += gradient.row(r)[c];
    }
  RealMatrix<T> before;
  if (spec.projectIn) {
    const RealMatrix<T> in = tableRows(model, ids, context);
    before = RealMatrix<T>(ids.size(), in.cols());
    const std::string name = weightName(spec, *spec.projectIn);
    linearBackward<T>({*spec.projectIn, name, model.quantizedInputs.contains(spec.projectIn->name)}, model.tensors,
                      in.view(), blockOf(gradient.view(), 0, ids.size(), 0, gradient.cols()), before.span(), true,
                      gradients, context);
  }
  const RealMatrix<T>& own = spec.projectIn ? before : gradient;
  const auto table = gradients.find(spec.embedding);
  if (table == gradients.end()) return;
  const auto scale = static_cast<T>(spec.embeddingScale);
  for (std::size_t r = 0; r < ids.size(); ++r) {
    const std::span<T> to = table->second.row(static_cast<std::size_t>(ids[r]));
    for (std::size_t c = 0; c < to.size(); ++c) to[c] += own.row(r)[c] * scale;
  }
}

template RealMatrix<float> embedForward(const TrainingModel<float>&, std::span<const int>, std::size_t,
                                        const RunContext&);
template RealMatrix<double> embedForward(const TrainingModel<double>&, std::span<const int>, std::size_t,
                                         const RunContext&);
template void embedBackward(const TrainingModel<float>&, std::span<const int>, std::size_t, const RealMatrix<float>&,
                            TensorMap<float>&, const RunContext&);
template void embedBackward(const TrainingModel<double>&, std::span<const int>, std::size_t, const RealMatrix<double>&,
                            TensorMap<double>&, const RunContext&);

}  // namespace qs
