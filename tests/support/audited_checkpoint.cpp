#include "tests/support/audited_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "core/base/parallel.h"
#include "core/session/audit/audit_checkpoint.h"

namespace qs::test {

using Json = nlohmann::json;

namespace {

Json llamaConfig(bool isTied) {
  return {{"model_type", "llama"},         {"architectures", {"LlamaForCausalLM"}},
          {"vocab_size", kVocabulary},     {"hidden_size", kHidden},
          {"intermediate_size", kInner},   {"num_hidden_layers", 2},
          {"num_attention_heads", kHeads}, {"num_key_value_heads", kHeads},
          {"max_position_embeddings", 64}, {"hidden_act", "silu"},
          {"rms_norm_eps", 1e-5},          {"tie_word_embeddings", isTied}};
}

std::string layerOf(const std::string& tensor) { return tensor.substr(0, tensor.size() - 7); }

void addPlain(CheckpointBuilder& builder, const std::string& name, const Matrix& values, bool asHalves) {
  const bool isVector = values.rows() == 1;
  const std::vector<std::size_t> shape =
      isVector ? std::vector{values.cols()} : std::vector{values.rows(), values.cols()};
  const std::vector<float> all(values.values().begin(), values.values().end());
  asHalves ? builder.addHalves(name, shape, all) : builder.addFloats(name, shape, all);
}

// SQNR of the decoded codes with each weight's folding undone exactly.
double expectedSqnr(const FourBitLayer& layer, const Matrix& original, const Matrix& changed) {
  double signal = 0;
  double noise = 0;
  for (std::size_t r = 0; r < layer.rows; ++r)
    for (std::size_t c = 0; c < layer.cols; ++c) {
      const std::size_t unit = r * layer.groups() + c / layer.group;
      const double decoded = (layer.codes[r * layer.cols + c] - layer.zeros[unit]) * double{layer.scales[unit]};
      const double value{original(r, c)};
      const double error = decoded * value / double{changed(r, c)} - value;
      signal += value * value;
      noise += error * error;
    }
  return 10 * std::log10(signal / noise);
}

}  // namespace

Json gptqConfig() {
  return {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", kGroup}, {"desc_act", false}, {"sym", false}};
}

Json awqConfig() {
  return {{"quant_method", "awq"}, {"bits", 4}, {"group_size", kGroup}, {"zero_point", true}, {"version", "gemm"}};
}

Matrix weights(std::size_t rows, std::size_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Matrix values(rows, cols);
  for (std::size_t r = 0; r < rows; ++r) {
    const float size = 0.02F * std::exp(0.8F * normal(random));
    for (float& value : values.row(r)) value = size * normal(random);
  }
  for (std::size_t c = 0; c < cols; ++c) {
    const float size = std::exp(0.5F * std::sin(static_cast<float>(c / kGroup) * 2.0F + static_cast<float>(seed)));
    for (std::size_t r = 0; r < rows; ++r) values(r, c) *= size;
  }
  return values;
}

bool isLinear(const std::string& tensor) { return tensor.ends_with("_proj.weight"); }

Tensors makeModel() {
  Tensors model;
  unsigned seed = 1;
  model[kEmbedding] = weights(kVocabulary, kHidden, seed++);
  model[kHead] = weights(kVocabulary, kHidden, seed++);
  const auto norm = [&] {
    Matrix values = weights(1, kHidden, seed++);
    for (float& value : values.values()) value = 1.0F + value;
    return values;
  };
  model["model.norm.weight"] = norm();
  for (const std::string block : {"model.layers.0.", "model.layers.1."}) {
    model[block + "input_layernorm.weight"] = norm();
    model[block + "post_attention_layernorm.weight"] = norm();
    for (const char* name : {"q", "k", "v", "o"})
      model[block + "self_attn." + name + "_proj.weight"] = weights(kHidden, kHidden, seed++);
    for (const char* name : {"gate", "up"})
      model[block + "mlp." + name + "_proj.weight"] = weights(kInner, kHidden, seed++);
    model[block + "mlp.down_proj.weight"] = weights(kHidden, kInner, seed++);
  }
  return model;
}

Fault inLayer(const char* wanted, std::function<void(FourBitLayer&)> change) {
  Fault fault;
  fault.layer = [wanted, change = std::move(change)](const std::string& name, FourBitLayer& layer) {
    if (name == wanted) change(layer);
  };
  return fault;
}

void fold(Tensors& model, const std::string& before, bool isNorm, const std::vector<std::string>& readers) {
  const std::size_t size = isNorm ? model.at(before).cols() : model.at(before).rows();
  for (std::size_t i = 0; i < size; ++i) {
    const float s = std::exp(1.2F * std::sin(static_cast<float>(i) * 1.7F));
    if (isNorm)
      model.at(before)(0, i) /= s;
    else
      for (float& value : model.at(before).row(i)) value /= s;
    for (const std::string& reader : readers)
      for (std::size_t r = 0; r < model.at(reader).rows(); ++r) model.at(reader)(r, i) *= s;
  }
}

Audited::Audited(PackLayer pack, const Json& quantization, const Fault& fault, bool withConfig, int threads) {
  const Tensors model = makeModel();
  CheckpointBuilder original;
  for (const auto& [name, values] : model)
    if (!fault.isTied || name != kHead) addPlain(original, name, values, false);
  const Json config = llamaConfig(fault.isTied);
  const auto opened = original.open(folder.path() / "original", withConfig ? config : Json());

  Tensors changed = model;
  fault.tensors(changed);
  CheckpointBuilder builder;
  for (const auto& [name, values] : changed) {
    if (fault.isTied && name == kHead && model.at(kHead) == values) continue;
    if (!isLinear(name) || std::ranges::find(fault.untouched, layerOf(name)) != fault.untouched.end()) {
      addPlain(builder, name, values, true);
      continue;
    }
    FourBitLayer layer = roundToFourBits(values, kGroup);
    if (model.contains(name)) expected[name] = expectedSqnr(layer, model.at(name), values);
    fault.layer(layerOf(name), layer);
    pack(builder, layerOf(name), layer);
  }
  fault.extra(builder);
  Json quantized = config;
  quantized["quantization_config"] = quantization;
  const auto checkpoint = builder.open(folder.path() / "quantized", quantized);
  const RunContext context{.threads = threads};
  inWorkerArena(context, [&] { report = auditCheckpoint(*opened, *checkpoint, context); });
}

const TensorAudit& Audited::tensor(const std::string& name) const {
  for (const TensorAudit& tensor : report.tensors)
    if (tensor.name == name) return tensor;
  throw std::out_of_range("no tensor " + name);
}

std::string Audited::faults() const {
  std::string text;
  for (const TensorAudit& tensor : report.tensors)
    for (const AuditFault& fault : tensor.faults)
      text += tensor.name + ": " + std::string(faultId(fault.kind)) + ": " + fault.message + "\n";
  return text;
}

std::string whyNotNamed(const Planted& planted) {
  const bool isAwq = planted.pack == addAwqLayer;
  const Audited audited(planted.pack, isAwq ? awqConfig() : gptqConfig(), planted.fault);
  const TensorAudit& tensor = audited.tensor(planted.tensor);
  const bool isFound = tensor.faults.size() == 1 && tensor.faults.front().kind == planted.kind;
  if (!isFound || tensor.faults.front().message.empty()) return "not found as planted, but: " + audited.faults();
  // A fold that nothing undoes is seen at both readers.
  const std::size_t most = planted.kind == FaultKind::ScalePlacement ? 2 : 1;
  return audited.report.faultCount() <= most ? std::string() : "other faults: " + audited.faults();
}

}  // namespace qs::test
