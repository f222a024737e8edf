#include "core/train/parameter_set.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace qs {

namespace {

double squares(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

bool isPlusOne(const ArchitectureSpec& spec, const std::string& tensor) {
  const auto is = [&tensor](const std::optional<NormSpec>& norm) {
    return norm && norm->kind == NormKind::RmsPlusOne && norm->name + ".weight" == tensor;
  };
  if (is(spec.finalNorm)) return true;
  return std::any_of(spec.blocks.begin(), spec.blocks.end(), [&](const BlockSpec& block) {
    return is(block.attentionNorm) || is(block.mlpNorm) || is(block.postAttentionNorm) || is(block.postMlpNorm) ||
           is(block.attention.queryNorm) || is(block.attention.keyNorm);
  });
}

}  // namespace

const LinearSpec* findLinear(const std::vector<LinearSpec>& linears, const std::string& layer) {
  const auto found =
      std::find_if(linears.begin(), linears.end(), [&layer](const LinearSpec& linear) { return linear.name == layer; });
  return found == linears.end() ? nullptr : &*found;
}

ParameterSet::ParameterSet(TrainingModel<float>& model, std::map<std::string, QuantizedTensor> start,
                           const std::vector<std::string>& vectors, const TrainingOptions& options,
                           const RunContext& context)
    : m_model(model), m_options(options) {
  for (auto& entry : start) {
    const std::string& layer = entry.first;
    const std::string weight = layer + ".weight";
    const RealMatrix<float>& values = model.tensors.at(weight);
    const MatrixView original{values.values().data(), values.rows(), values.cols()};
    m_linears.push_back({layer, weight, FakeQuantizer(original, std::move(entry.second), options.parts, context)});
    m_gradients.emplace(weight, RealMatrix<float>(values.rows(), values.cols()));
  }
  if (!options.parts.vectors) return;
  for (const std::string& name : vectors) {
    const RealMatrix<float>& values = model.tensors.at(name);
    Vector vector{.value = {values.values().begin(), values.values().end()}};
    vector.first.assign(vector.value.size(), 0.0F);
    vector.second.assign(vector.value.size(), 0.0F);
    vector.unit = unitsOf(name, vector.value);
    m_vectors.emplace(name, std::move(vector));
    m_gradients.emplace(name, RealMatrix<float>(1, values.cols()));
  }
}

// Norm weights move in shares of themselves, as what they multiply may differ by orders of magnitude; biases in shares
// of their typical size.
std::vector<float> ParameterSet::unitsOf(const std::string& name, std::span<const float> values) const {
  const auto typical = static_cast<float>(std::sqrt(squares(values) / static_cast<double>(values.size())));
  std::vector<float> units(values.size(), typical);
  if (!name.ends_with(".weight")) return units;
  const float plus = isPlusOne(m_model.spec, name) ? 1.0F : 0.0F;
  for (std::size_t i = 0; i < units.size(); ++i) units[i] = std::abs(plus + values[i]);
  return units;
}

void ParameterSet::setInputSizes(const InputSizes& sizes) {
  for (Linear& linear : m_linears)
    if (const auto found = sizes.find(linear.layer); found != sizes.end())
      linear.quantizer.setInputSizes(found->second);
}

void ParameterSet::apply(const RunContext& context) {
  for (const Linear& linear : m_linears) linear.quantizer.quantize(m_model.tensors.at(linear.weight).span(), context);
  for (const auto& [name, vector] : m_vectors)
    std::copy(vector.value.begin(), vector.value.end(), m_model.tensors.at(name).values().begin());
}

double ParameterSet::takeGradients(const RunContext& context) {
  double sum = 0;
  for (Linear& linear : m_linears) sum += linear.quantizer.takeGradient(m_gradients.at(linear.weight).span(), context);
  for (const auto& [name, vector] : m_vectors) sum += squares(m_gradients.at(name).values());
  return std::sqrt(sum);
}

double ParameterSet::update(int index, const RunContext& context) {
  const double length = takeGradients(context);
  const double clip = m_options.clip > 0 && length > m_options.clip ? m_options.clip / length : 1.0;
  const double share = rateShare(index, m_options.steps, m_options.warmUp);
  const AdamWStep weights = AdamWStep::at(index + 1, share * m_options.weightRate, m_options.weightDecay);
  const AdamWStep steps = AdamWStep::at(index + 1, share * m_options.stepRate, 0);
  const AdamWStep vectors = AdamWStep::at(index + 1, share * m_options.vectorRate, 0);
  for (Linear& linear : m_linears)
    linear.quantizer.update(m_gradients.at(linear.weight).view(), static_cast<float>(clip), weights, steps, context);
  for (auto& [name, vector] : m_vectors) {
    const std::span<const float> gradient = std::as_const(m_gradients.at(name)).values();
    adamWUpdate(vectors, vector.unit, static_cast<float>(clip), gradient, vector.first, vector.second, vector.value);
  }
  return length;
}

TrainedTensors ParameterSet::snapshot(const RunContext& context) const {
  TrainedTensors result;
  for (const Linear& linear : m_linears) result.layers.emplace(linear.layer, linear.quantizer.tensor(context));
  for (const auto& [name, vector] : m_vectors) result.vectors.emplace(name, vector.value);
  return result;
}

std::vector<std::vector<float>*> ParameterSet::state() {
  std::vector<std::vector<float>*> parts;
  for (Linear& linear : m_linears)
    for (std::vector<float>* part : linear.quantizer.state()) parts.push_back(part);
  for (auto& [name, vector] : m_vectors) {
    parts.push_back(&vector.value);
    parts.push_back(&vector.first);
    parts.push_back(&vector.second);
  }
  return parts;
}

}  // namespace qs
