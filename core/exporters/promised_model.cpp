#include "core/exporters/promised_model.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/model/architecture_registry.h"
#include "core/session/layer_filter.h"
#include "core/session/linear_weights.h"

namespace qs {

namespace {

QuantizedTensor required(std::optional<QuantizedTensor> tensor, std::string_view layer) {
  if (!tensor)
    throw failedError("layer '" + std::string(layer) + "'", "its stored result is missing or damaged; run again");
  return std::move(*tensor);
}

LayerSummary summaryOf(std::string name, const QuantizedTensor& head) {
  const auto& zeros = head.zeroPoints;
  return {.name = std::move(name),
          .rows = head.rows,
          .cols = head.cols,
          .scheme = head.scheme,
          .activations = head.activations,
          .hasGroupIndex = !head.groupIndex.empty(),
          .hasZeroAtZero = std::find(zeros.begin(), zeros.end(), 0.0F) != zeros.end()};
}

ArchitectureSpec requireArchitecture(const Checkpoint& model, const std::string& layer) {
  std::string whyNot;
  std::optional<ArchitectureSpec> spec = tryArchitecture(model, &whyNot);
  if (!spec)
    throw failedError("layer '" + layer + "'",
                      "its input scale has to be folded into the operation before, and the architecture isn't known (" +
                          whyNot + "): export it as dequantized or as safetensors");
  return std::move(*spec);
}

}  // namespace

PromisedModel::PromisedModel(const ExportSource& source, InputScales inputScales, const RunContext& context)
    : m_source(source),
      m_headOf([&store = source.store](const std::string& layer) { return required(store.loadHead(layer), layer); }),
      m_inputScales(inputScales) {
  gatherLayers(context);
  if (inputScales == InputScales::Folded) gatherFolds();
}

PromisedModel::PromisedModel(const ExportSource& source, HeadOf headOf, const RunContext& context)
    : m_source(source), m_headOf(std::move(headOf)), m_inputScales(InputScales::Kept) {
  gatherLayers(context);
}

void PromisedModel::gatherLayers(const RunContext& context) {
  std::map<std::string, const CheckpointTensor*, std::less<>> matrices;
  for (const CheckpointTensor& tensor : m_source.model.tensors())
    if (tensor.info.shape.size() == 2) matrices.emplace(layerName(tensor.info.name), &tensor);
  for (const LayerReportPtr& layer : m_source.report.layers) {
    context.throwIfStopped();
    const auto matrix = matrices.find(layer->name);
    if (!layer->error.empty() || matrix == matrices.end()) continue;
    QuantizedTensor head = m_headOf(layer->name);
    m_layers.push_back(summaryOf(layer->name, head));
    m_tensors.insert(*matrix);
    if (!head.inputScale.empty()) m_inputScaleOf.emplace(layer->name, std::move(head.inputScale));
  }
}

void PromisedModel::gatherFolds() {
  if (m_inputScaleOf.empty()) return;
  const ArchitectureSpec spec = requireArchitecture(m_source.model, m_inputScaleOf.begin()->first);
  m_folds = foldInputScales(spec, [this](const std::string& layer) { return foldedInputScale(layer); });
}

std::string PromisedModel::layerOf(const CheckpointTensor& tensor) const {
  const auto found = m_tensors.find(layerName(tensor.info.name));
  return found != m_tensors.end() && found->second == &tensor ? found->first : std::string();
}

const std::string& PromisedModel::methodOf(std::string_view layer) const {
  for (const LayerReportPtr& report : m_source.report.layers)
    if (report->name == layer) return report->method;
  return m_source.report.method;
}

std::vector<std::string> PromisedModel::unquantizedLinears() const {
  std::vector<std::string> names;
  for (const CheckpointTensor& tensor : m_source.model.tensors()) {
    const TensorRole role = tensorRole(tensor.info);
    if ((role == TensorRole::Linear || role == TensorRole::Head) && layerOf(tensor).empty())
      names.push_back(layerName(tensor.info.name));
  }
  // A tied head has no tensor, but loaders still make a linear layer of that name.
  constexpr const char* kHead = "lm_head";
  if (m_source.model.find(std::string(kHead) + ".weight") == nullptr) names.emplace_back(kHead);
  return names;
}

const InputScaleFold* PromisedModel::foldOf(const std::string& tensor) const {
  const auto found = m_folds.find(tensor);
  return found == m_folds.end() ? nullptr : &found->second;
}

void PromisedModel::applyFolds(std::string_view layer, QuantizedTensor& tensor) const {
  if (m_inputScales == InputScales::Kept) return;
  tensor.inputScale.clear();
  const std::string name(layer);
  if (const InputScaleFold* fold = foldOf(name + ".weight")) applyFoldToScales(*fold, name, tensor);
}

QuantizedTensor PromisedModel::load(std::string_view layer) const {
  QuantizedTensor tensor = required(m_source.store.loadTensor(layer), layer);
  applyFolds(layer, tensor);
  return tensor;
}

QuantizedTensor PromisedModel::head(std::string_view layer) const {
  QuantizedTensor tensor = m_headOf(std::string(layer));
  applyFolds(layer, tensor);
  return tensor;
}

const std::vector<float>& PromisedModel::foldedInputScale(std::string_view layer) const {
  static const std::vector<float> kNone;
  const auto found = m_inputScaleOf.find(layer);
  return found == m_inputScaleOf.end() || m_inputScales == InputScales::Kept ? kNone : found->second;
}

Matrix PromisedModel::unrounded(std::string_view layer, const RunContext& context) const {
  Matrix weights = loadLinear(m_source.model, *m_tensors.find(layer)->second, context);
  const std::vector<float>& scale = foldedInputScale(layer);
  if (!scale.empty())
    for (std::size_t r = 0; r < weights.rows(); ++r)
      for (std::size_t c = 0; c < weights.cols(); ++c) weights(r, c) *= scale[c];
  if (const InputScaleFold* fold = foldOf(std::string(layer) + ".weight")) applyFoldToRows(*fold, 0, weights.span());
  return weights;
}

void PromisedModel::read(const CheckpointTensor& tensor, std::uint64_t first, std::span<float> out) const {
  tensor.source->read(first, out);
  const InputScaleFold* fold = foldOf(tensor.info.name);
  if (fold == nullptr) return;
  InputScaleFold part{.kind = fold->kind, .divisors = std::vector<float>(out.size())};
  const bool isMatrix = fold->kind == InputScaleFold::Kind::Rows;
  const bool isTransposed = isMatrix && isStoredTransposed(m_source.model, tensor.info);
  const std::uint64_t cols = tensor.info.shape.back();
  for (std::uint64_t i = 0; i < out.size(); ++i) {
    const std::uint64_t at = first + i;
    part.divisors[i] = fold->divisors.at(!isMatrix ? at : isTransposed ? at % cols : at / cols);
  }
  applyFold(part, out);
}

}  // namespace qs
