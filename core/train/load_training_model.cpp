#include "core/train/load_training_model.h"

#include <algorithm>

namespace qs {

namespace {

template <typename T>
class Loader {
 public:
  Loader(TrainingModel<T>& model, const WeightProvider& weights, const RunContext& context)
      : m_model(model), m_weights(weights), m_context(context) {}

  void linear(const LinearSpec& spec) {
    const std::shared_ptr<const Matrix> weights = m_weights.linear(spec, m_context);
    put(weightName(m_model.spec, spec), weights->rows(), weights->cols(), weights->values());
    if (spec.bias) vector(spec.name + ".bias");
  }

  void vector(const std::string& name) {
    const std::vector<float> values = m_weights.vector(name);
    put(name, 1, values.size(), values);
  }

  void table(const std::string& name, std::size_t rows, std::size_t cols) {
    if (m_model.tensors.contains(name)) return;
    Matrix values(rows, cols);
    for (std::size_t r = 0; r < rows; ++r) {
      if (r % 256 == 0) m_context.throwIfStopped();
      m_weights.tableRow(name, r, values.row(r));
    }
    put(name, rows, cols, values.values());
  }

  void head() {
    const ArchitectureSpec& spec = m_model.spec;
    if (spec.finalNorm) norm(*spec.finalNorm);
    if (spec.projectOut) linear(*spec.projectOut);
    if (spec.head.bias) vector(spec.head.name + ".bias");
    if (spec.tiedHead) return table(spec.embedding, spec.vocabSize, spec.embeddingDim);
    Matrix rows(spec.vocabSize, spec.head.in);
    m_weights.headRows(0, rows.span());
    put(weightName(spec, spec.head), rows.rows(), rows.cols(), rows.values());
  }

  void block(const BlockSpec& block) {
    for (const LinearSpec& spec : block.attention.inputs) linear(spec);
    linear(block.attention.output);
    for (const LinearSpec& spec : block.mlp.inputs) linear(spec);
    linear(block.mlp.down);
    for (const std::string& name : vectorsOfBlock(block))
      if (!m_model.tensors.contains(name)) vector(name);
  }

 private:
  void norm(const NormSpec& spec) {
    vector(spec.name + ".weight");
    if (spec.kind == NormKind::Layer) vector(spec.name + ".bias");
  }

  void put(const std::string& name, std::size_t rows, std::size_t cols, std::span<const float> values) {
    RealMatrix<T> tensor(rows, cols);
    std::transform(values.begin(), values.end(), tensor.values().begin(), [](float v) { return static_cast<T>(v); });
    m_model.tensors.insert_or_assign(name, std::move(tensor));
  }

  TrainingModel<T>& m_model;
  const WeightProvider& m_weights;
  const RunContext& m_context;
};

}  // namespace

std::vector<std::string> vectorsOfBlock(const BlockSpec& block) {
  std::vector<std::string> names;
  const auto addNorm = [&names](const NormSpec& norm) {
    names.push_back(norm.name + ".weight");
    if (norm.kind == NormKind::Layer) names.push_back(norm.name + ".bias");
  };
  const auto addBias = [&names](const LinearSpec& linear) {
    if (linear.bias) names.push_back(linear.name + ".bias");
  };
  addNorm(block.attentionNorm);
  for (const auto& norm :
       {block.mlpNorm, block.postAttentionNorm, block.postMlpNorm, block.attention.queryNorm, block.attention.keyNorm})
    if (norm) addNorm(*norm);
  for (const LinearSpec& linear : block.attention.inputs) addBias(linear);
  addBias(block.attention.output);
  for (const LinearSpec& linear : block.mlp.inputs) addBias(linear);
  addBias(block.mlp.down);
  return names;
}

template <typename T>
TrainingModel<T> loadTrainingModel(const ArchitectureSpec& spec, const WeightProvider& weights,
                                   const LoadedParts& parts, const RunContext& context) {
  TrainingModel<T> model{.spec = spec};
  Loader<T> loader(model, weights, context);
  if (parts.embedding) {
    loader.table(spec.embedding, spec.vocabSize, spec.embeddingDim);
    if (!spec.positionTable.empty())
      loader.table(spec.positionTable, spec.contextLength + spec.positionOffset, spec.hiddenSize);
    if (spec.projectIn) loader.linear(*spec.projectIn);
  }
  if (parts.head) loader.head();
  if (parts.block) {
    loader.block(spec.blocks.at(*parts.block));
  } else if (parts.blocks) {
    for (const BlockSpec& block : spec.blocks) loader.block(block);
  }
  return model;
}

template TrainingModel<float> loadTrainingModel(const ArchitectureSpec&, const WeightProvider&, const LoadedParts&,
                                                const RunContext&);
template TrainingModel<double> loadTrainingModel(const ArchitectureSpec&, const WeightProvider&, const LoadedParts&,
                                                 const RunContext&);

}  // namespace qs
