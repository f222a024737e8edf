#include "core/exporters/gguf/gguf_plan.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/exporters/gguf/gguf_model_metadata.h"
#include "core/session/layer_filter.h"

namespace qs {

namespace {

constexpr const char* kRopeFactors = "rope_freqs.weight";

bool isBuffer(std::string_view tensor) {
  return tensor.ends_with(".attn.bias") || tensor.ends_with(".attn.masked_bias") ||
         tensor.ends_with("rotary_emb.inv_freq");
}

bool isTied(const Checkpoint& model) {
  const nlohmann::json config = nlohmann::json::parse(model.contents().configJson, nullptr, false);
  return config.is_object() && config.value("tie_word_embeddings", nlohmann::json(false)) == true;
}

// 1-D tensors, norms and biases are F32 in GGUF; matrices keep a type that it has.
DType typeOfCopy(const PromisedModel& model, const CheckpointTensor& tensor) {
  const TensorRole role = tensorRole(tensor.info);
  if (tensor.info.shape.size() != 2 || role == TensorRole::Norm || model.isFolded(tensor.info.name)) return DType::F32;
  const DType type = tensor.info.dtype;
  return type == DType::F16 || type == DType::BF16 ? type : DType::F32;
}

class Plan {
 public:
  Plan(const PromisedModel& model, std::string architecture, const GgufTypeChoice* choice)
      : m_model(model), m_architecture(std::move(architecture)), m_choice(choice) {
    for (const LayerSummary& layer : model.layers()) m_layers.emplace(layer.name, &layer);
    for (const CheckpointTensor& tensor : model.source().model.tensors())
      m_blocks = std::max(m_blocks, blockNumber(tensor.info.name) + 1);
  }

  std::vector<GgufUnit> all() const {
    std::vector<GgufUnit> units;
    const Checkpoint& model = m_model.source().model;
    for (const CheckpointTensor& tensor : model.tensors()) {
      GgufName name = ggufTensorName(model, m_architecture, tensor.info.name);
      if (!name.name.empty()) units.push_back(unitOf(tensor, std::move(name)));
    }
    if (m_architecture == "gpt2" && !has(units, "output.weight")) addGpt2Head(units);
    addRopeFactors(units);
    return units;
  }

 private:
  static bool has(const std::vector<GgufUnit>& units, std::string_view name) {
    return std::any_of(units.begin(), units.end(), [name](const GgufUnit& unit) { return unit.part.name == name; });
  }

  [[nodiscard]] GgufUnit unitOf(const CheckpointTensor& tensor, GgufName name) const {
    GgufUnit unit{.tensor = &tensor, .layer = m_model.layerOf(tensor), .transform = name.transform};
    unit.readName = huggingFaceName(m_architecture, name.name).name;
    unit.readShape = tensor.info.shape;
    Shape shape = tensor.info.shape;
    if (name.transform == GgufTransform::Transpose && shape.size() == 2) std::swap(shape[0], shape[1]);
    if (shape.empty()) shape = {1};
    unit.part = {std::move(name.name), typeOfCopy(m_model, tensor), std::move(shape)};
    if (!unit.layer.empty()) chooseType(unit);
    return unit;
  }

  void chooseType(GgufUnit& unit) const {
    const LayerSummary& layer = *m_layers.at(unit.layer);
    const GgufTypeChoice* choice = m_choice != nullptr ? m_choice : exactGgufType(layer.scheme);
    const bool isExact = !layer.hasGroupIndex && choice != nullptr;
    if (choice == nullptr || (m_choice == nullptr && !isExact))
      throw failedError("layer '" + unit.layer + "'", "no GGUF type holds it: " + nearestGgufTypes(layer.scheme));
    unit.part.dtype = ggufTypeOf(*choice, unit.layer, blockNumber(unit.layer), m_blocks, layer.cols);
    if (unit.part.dtype == choice->type && (unit.part.dtype == DType::F16 || unit.part.dtype == DType::BF16))
      unit.rounding = GgufRounding::Float;  // asked for: the weights that the run made
    else
      unit.rounding =
          isExact && holdsExactly(unit.part.dtype, layer.scheme) ? GgufRounding::Codes : GgufRounding::Encoder;
  }

  // GPT-2's head is the embedding, and llama.cpp's loaders want it written out.
  void addGpt2Head(std::vector<GgufUnit>& units) const {
    for (const CheckpointTensor& tensor : m_model.source().model.tensors())
      if (ggufName(m_architecture, tensor.info.name).name == "token_embd.weight") {
        GgufUnit unit = unitOf(tensor, {.name = "output.weight"});
        units.push_back(std::move(unit));
        return;
      }
  }

  void addRopeFactors(std::vector<GgufUnit>& units) const {
    const std::size_t count = ggufRopeFactors(m_model.source().model).size();
    if (count == 0 || has(units, kRopeFactors)) return;
    GgufUnit unit;
    unit.part = PlannedTensor{kRopeFactors, DType::F32, Shape{count}};
    unit.readName = kRopeFactors;
    unit.readShape = Shape{count};
    units.push_back(std::move(unit));
  }

  const PromisedModel& m_model;
  std::string m_architecture;
  const GgufTypeChoice* m_choice;
  std::map<std::string, const LayerSummary*, std::less<>> m_layers;
  int m_blocks = 0;
};

}  // namespace

GgufName ggufTensorName(const Checkpoint& model, const std::string& architecture, const std::string& tensor) {
  if (isBuffer(tensor)) return {};
  if (architecture != "gpt2" && tensor == "lm_head.weight" && isTied(model)) return {};
  GgufName name = ggufName(architecture, tensor);
  if (name.name.empty() && model.contents().gguf != nullptr) name.name = tensor;
  if (name.name.empty())
    throw requestError("tensor '" + tensor + "'", "GGUF has no name for it in architecture " + architecture);
  return name;
}

std::vector<GgufUnit> planGguf(const PromisedModel& model, const std::string& architecture,
                               const GgufTypeChoice* choice) {
  return Plan(model, architecture, choice).all();
}

}  // namespace qs
