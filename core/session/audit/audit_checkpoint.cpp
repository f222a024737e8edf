#include "core/session/audit/audit_checkpoint.h"

#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/base/parallel.h"
#include "core/model/architecture_registry.h"
#include "core/session/audit/fold_finder.h"
#include "core/session/audit/opened_pair.h"
#include "core/session/audit/tensor_auditor.h"
#include "core/session/audit/unquantized_layers.h"
#include "core/session/layer_filter.h"

namespace qs {

namespace {

constexpr std::size_t kTensorsAtOnce = 4;  // bounds the memory

// What is known of the model as a whole.
struct Model {
  const Checkpoint& original;
  const Checkpoint& quantized;
  UnquantizedLayers declaredUnquantized;
  std::optional<ArchitectureSpec> spec;
  bool isTied = false;
  std::set<std::string> quantizedKinds;  // linears that are quantized somewhere, without their block's number
};

bool saysTied(const std::string& configJson) {
  const nlohmann::json config = nlohmann::json::parse(configJson, nullptr, false);
  return config.is_object() && config.value("tie_word_embeddings", nlohmann::json()) == true;
}

// "model.layers.#.mlp.up_proj"
std::string kindOf(const std::string& layer) {
  const std::string number = "." + std::to_string(blockNumber(layer)) + ".";
  const std::size_t at = layer.find(number);
  return at == std::string::npos ? layer : layer.substr(0, at) + ".#." + layer.substr(at + number.size());
}

const CheckpointTensor* findRole(const Checkpoint& model, TensorRole role) {
  for (const CheckpointTensor& tensor : model.tensors())
    if (tensorRole(tensor.info) == role && tensor.info.shape.size() == 2) return &tensor;
  return nullptr;
}

Model describe(const Checkpoint& original, const Checkpoint& quantized) {
  Model model{original, quantized, {quantized.contents().configJson, "config.json"}, tryArchitecture(original)};
  if (!model.spec) model.spec = tryArchitecture(quantized);
  const bool hasHead = findRole(original, TensorRole::Head) != nullptr;
  model.isTied = (model.spec && model.spec->tiedHead) || saysTied(original.contents().configJson) ||
                 (!hasHead && findRole(original, TensorRole::Embedding) != nullptr);
  for (const CheckpointTensor& tensor : quantized.tensors())
    if (tensorRole(tensor.info) == TensorRole::Linear && isStoredQuantized(tensor.info))
      model.quantizedKinds.insert(kindOf(layerName(tensor.info.name)));
  return model;
}

// Most linears of a format that isn't GGUF (which falls back where a shape doesn't fit) are quantized, or another
// block's same one is.
bool shouldBeQuantized(const Model& model, const TensorInfo& tensor) {
  const std::string layer = layerName(tensor.name);
  if (model.quantizedKinds.contains(kindOf(layer))) return true;
  if (model.quantized.format() == "GGUF" || blockNumber(layer) < 0) return false;
  std::size_t alike = 0;
  std::size_t quantized = 0;
  for (const CheckpointTensor& other : model.quantized.tensors()) {
    if (tensorRole(other.info) != TensorRole::Linear || blockNumber(other.info.name) != blockNumber(layer)) continue;
    ++alike;
    if (isStoredQuantized(other.info)) ++quantized;
  }
  return 2 * quantized > alike;
}

void checkUntouched(const Model& model, const TensorPair& pair, TensorAudit& result) {
  if (tensorRole(pair.original->info) != TensorRole::Linear || isStoredQuantized(pair.quantized->info)) return;
  if (isStoredQuantized(pair.original->info)) return;
  const std::string layer = layerName(pair.quantized->info.name);
  if (!shouldBeQuantized(model, pair.quantized->info)) return;
  std::string declaration = "the configuration does not say that it stays as it is";
  try {
    if (model.declaredUnquantized.contains(layer)) return;
  } catch (const Error& error) {
    declaration = "whether the configuration says that it stays as it is can't be told: " + std::string(error.what());
  }
  result.faults.push_back({FaultKind::Untouched, "is stored as " + result.quantizedType +
                                                     " although layers like it are quantized, and " + declaration});
}

ErrorStats compareTensors(const CheckpointTensor& reference, const CheckpointTensor& approximation,
                          const RunContext& context) {
  return compareRows(rowsOf(reference), rowsOf(approximation), context);
}

// A head beside the embedding that it is tied to: harmless where it holds the same values.
void checkTiedHead(const Model& model, const CheckpointTensor& head, const RunContext& context, TensorAudit& result) {
  const CheckpointTensor* embedding = findRole(model.quantized, TensorRole::Embedding);
  if (embedding == nullptr || embedding->info.shape != head.info.shape) return;
  const ErrorStats stats = compareTensors(*embedding, head, context);
  if (stats.sumSquaredError == 0) {
    result.note = "repeats the embedding, to which the head is tied";
    return;
  }
  result.faults.push_back({FaultKind::TiedHead,
                           "the original's head is tied to the embedding; here the head is stored "
                           "apart as " +
                               typeText(head.info) + " and differs from " + embedding->info.name + " (" +
                               typeText(embedding->info) + "): SQNR " + fixedText(stats.sqnrDb(), 1) +
                               " dB between the two"});
}

bool isZeroBias(const CheckpointTensor& tensor) {
  if (!tensor.info.name.ends_with(".bias") || isStoredQuantized(tensor.info)) return false;
  std::vector<float> values(tensor.info.elements);
  tensor.source->read(0, values);
  return std::ranges::all_of(values, [](float value) { return value == 0.0F; });
}

TensorAudit auditExtra(const Model& model, const CheckpointTensor& tensor, const RunContext& context) {
  TensorAudit result{.name = tensor.info.name, .shape = tensor.info.shape, .quantizedType = typeText(tensor.info)};
  if (tensor.info.elements > 0)
    result.bitsPerWeight = 8.0 * static_cast<double>(tensor.info.bytes) / static_cast<double>(tensor.info.elements);
  if (isIncidentalTensor(tensor.info.name)) {
    result.note = "not in the original; loaders know it";
  } else if (tensorRole(tensor.info) == TensorRole::Head && model.isTied) {
    checkTiedHead(model, tensor, context, result);
  } else if (isZeroBias(tensor)) {
    result.note = "a bias of zeros that the original does without";
  } else {
    result.faults.push_back({FaultKind::Extra, "is not in the original"});
  }
  tensor.source->release();
  return result;
}

TensorAudit auditMissing(const Model& model, const CheckpointTensor& tensor) {
  TensorAudit result{.name = tensor.info.name, .shape = tensor.info.shape, .originalType = typeText(tensor.info)};
  if (tensorRole(tensor.info) == TensorRole::Head && model.isTied)
    result.note = "left out: the head is tied to the embedding";
  else if (isIncidentalTensor(tensor.info.name))
    result.note = "left out; loaders make it themselves";
  else
    result.faults.push_back({FaultKind::Missing, "is not in the checkpoint"});
  return result;
}

TensorAudit auditPair(const Model& model, const TensorAuditor& auditor, const TensorPair& pair,
                      const RunContext& context) {
  if (pair.original == nullptr) return auditExtra(model, *pair.quantized, context);
  if (pair.quantized == nullptr) return auditMissing(model, *pair.original);
  TensorAudit result = auditor.audit(pair, context);
  checkUntouched(model, pair, result);
  if (model.isTied && tensorRole(pair.original->info) == TensorRole::Head) {
    checkTiedHead(model, *pair.quantized, context, result);
    release(pair);
  }
  return result;
}

std::uint64_t storedBytes(const Checkpoint& model) {
  std::uint64_t bytes = 0;
  for (const CheckpointTensor& tensor : model.tensors()) bytes += tensor.info.bytes;
  return bytes;
}

std::uint64_t parameterCount(const Checkpoint& model) {
  std::uint64_t count = 0;
  for (const CheckpointTensor& tensor : model.tensors()) count += tensor.info.elements;
  return count;
}

}  // namespace

AuditReport auditCheckpoint(const Checkpoint& original, const Checkpoint& quantized, const RunContext& context) {
  const std::vector<TensorPair> pairs = pairTensors(original, quantized);
  const Model model = describe(original, quantized);
  const FoldFinder folds(original, pairs, model.spec);
  const std::vector<std::size_t> heads = model.spec ? std::vector{model.spec->headDim} : std::vector<std::size_t>{};
  const TensorAuditor auditor(original, folds, heads);
  AuditReport report{.original = original.path().string(),
                     .quantized = quantized.path().string(),
                     .format = quantized.format(),
                     .tensors = std::vector<TensorAudit>(pairs.size()),
                     .warnings = quantized.contents().warnings,
                     .parameters = parameterCount(original),
                     .originalBytes = storedBytes(original),
                     .quantizedBytes = storedBytes(quantized)};
  if (context.progress != nullptr)
    context.progress->beginStage("Auditing", "tensors", static_cast<double>(pairs.size()));
  for (std::size_t first = 0; first < pairs.size(); first += kTensorsAtOnce)
    parallelFor(context, std::min(kTensorsAtOnce, pairs.size() - first), [&](std::size_t i) {
      const TensorPair& pair = pairs[first + i];
      if (context.progress != nullptr)
        context.progress->setItem((pair.original != nullptr ? pair.original : pair.quantized)->info.name);
      report.tensors[first + i] = auditPair(model, auditor, pair, context);
      context.advance(1);
    });
  return report;
}

}  // namespace qs
