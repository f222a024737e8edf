#include "core/exporters/formats/gguf_exporter.h"

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/exporters/gguf/gguf_model_metadata.h"
#include "core/exporters/gguf/gguf_plan.h"
#include "core/exporters/gguf/gguf_tensor_writer.h"
#include "core/exporters/layer_preflight.h"
#include "core/exporters/single_file_export.h"
#include "core/io/formats/gguf_reader.h"
#include "core/io/formats/gguf_writer.h"
#include "core/kernels/block_decode.h"
#include "core/quant/method_registry.h"
#include "core/session/layer_filter.h"

namespace qs {

namespace {

// Null where none is named.
const GgufTypeChoice* choiceOf(const ExportOptions& options) {
  const auto found = options.extra.find("gguf_type");
  return found == options.extra.end() || found->second.empty() ? nullptr : &requireGgufType(found->second);
}

const GgufTypeChoice& fileTypeOf(const PromisedModel& model, const GgufTypeChoice* choice) {
  if (choice == nullptr && !model.layers().empty()) choice = exactGgufType(model.layers().front().scheme);
  return choice != nullptr ? *choice : requireGgufType("f16");
}

void writeTensors(const PromisedModel& model, const std::vector<GgufUnit>& units, GgufWriter& file,
                  RoundTripCheck& check, ExportResult& result, const RunContext& context) {
  GgufTensorWriter writer(
      model, [&file](std::string_view tensor, std::span<const std::byte> bytes) { file.append(tensor, bytes); }, check,
      context);
  if (context.progress != nullptr)
    context.progress->beginStage("Writing", "tensors", static_cast<double>(units.size()));
  inWorkerArena(context, [&] {
    for (const GgufUnit& unit : units) {
      context.throwIfStopped();
      if (context.progress != nullptr) context.progress->setItem(unit.part.name);
      if (LayerReportPtr remade = writer.write(unit)) result.remade.push_back(std::move(remade));
      context.advance(1);
    }
  });
}

ExportResult write(const ExportSource& source, const ExportOptions& options, const RunContext& context) {
  const GgufTypeChoice* choice = choiceOf(options);
  const PromisedModel model(source, InputScales::Folded, context);
  const std::vector<GgufUnit> units = planGguf(model, ggufArchitecture(source.model), choice);
  const bool isQuantized =
      std::any_of(units.begin(), units.end(), [](const GgufUnit& unit) { return isBlockType(unit.part.dtype); });
  RoundTripCheck check;
  std::vector<PlannedTensor> plan;
  for (const GgufUnit& unit : units) {
    plan.push_back(unit.part);
    check.expect(unit.readName, unit.readShape);
  }
  GgufWriter file(options.path, plan, ggufModelMetadata(source.model, fileTypeOf(model, choice).fileType, isQuantized),
                  options.replace);
  ExportResult result;
  writeTensors(model, units, file, check, result, context);
  file.commit([&](const std::filesystem::path& aside) { check.compare(*openGguf(aside), result, context); });
  result.bytes = bytesOnDisk(options.path);
  return result;
}

std::string faultOf(const PreflightLayer& layer, const GgufTypeChoice* choice) {
  if (layer.quantizesInputs) return "GGUF holds weights only: export " + layer.method + " as compressed-tensors";
  if (choice != nullptr) return {};
  if (layer.mayReorderGroups) return "GGUF has no group index: use static groups, or no act-order";
  if (exactGgufType(layer.scheme) == nullptr)
    return "no GGUF type holds " + (layer.scheme.codebookName.empty() ? layer.scheme.toText() : layer.method) +
           " exactly: " + nearestGgufTypes(layer.scheme);
  return {};
}

// What becomes of a layer that isn't written as it is; empty for the others.
std::string adviceOf(const PreflightLayer& layer, const GgufTypeChoice* choice, int blocks) {
  const GgufTypeChoice& wanted = choice != nullptr ? *choice : *exactGgufType(layer.scheme);
  const DType type = ggufTypeOf(wanted, layer.name, blockNumber(layer.name), blocks, layer.cols);
  const std::string typeName(name(type));
  const std::string from = requireMethod(layer.method).roundsOnly
                               ? "the original weights"
                               : "the weights that " + layer.method + " makes, a second time";
  if (!wanted.isMix && type != wanted.type)
    return "its " + std::to_string(layer.cols) + " inputs are no multiple of " +
           std::to_string(traits(wanted.type).blockElements) + ": stored as " + typeName + ", rounded from " + from;
  if (type == DType::F16 || type == DType::BF16) return typeName + " holds the weights that the method makes";
  if (!layer.mayReorderGroups && holdsExactly(type, layer.scheme)) return {};
  return typeName + " doesn't hold " + layer.scheme.toText() + ": its own encoder rounds " + from;
}

void addModelFindings(const Checkpoint& model, std::vector<PreflightFinding>& findings) {
  try {
    const std::string architecture = ggufArchitecture(model);
    for (const CheckpointTensor& tensor : model.tensors())
      static_cast<void>(ggufTensorName(model, architecture, tensor.info.name));
    static_cast<void>(ggufModelMetadata(model, 0, false));
  } catch (const Error& error) {
    findings.push_back({true, {}, error.what()});
  }
}

std::vector<PreflightFinding> preflight(const Checkpoint& model, const QuantRequest& request,
                                        const ExportOptions& options) {
  constexpr std::size_t kMostFaults = 20;
  const GgufTypeChoice* choice = choiceOf(options);
  const std::vector<PreflightLayer> layers = preflightLayers(model, request, ScaleType::F16);
  std::vector<PreflightFinding> findings = preflightModel(model, request, layers, {ScaleType::F16});
  if (findings.empty()) addModelFindings(model, findings);
  int blocks = 0;
  for (const PreflightLayer& layer : layers) blocks = std::max(blocks, blockNumber(layer.name) + 1);
  for (const PreflightLayer& layer : layers)
    if (const std::string fault = faultOf(layer, choice); !fault.empty() && findings.size() < kMostFaults)
      findings.push_back({true, layer.name, fault});
  if (!findings.empty()) return findings;
  std::map<std::string, std::size_t> remarks;
  for (const PreflightLayer& layer : layers)
    if (const std::string remark = adviceOf(layer, choice, blocks); !remark.empty()) ++remarks[remark];
  for (const auto& [remark, count] : remarks)
    findings.push_back({false, {}, (count == layers.size() ? "" : std::to_string(count) + " layers: ") + remark});
  if (choice != nullptr && choice->type == DType::MXFP4)
    findings.push_back({false, {}, "MXFP4 loads in recent builds of llama.cpp only"});
  return findings;
}

}  // namespace

ExporterInfo ggufExporter() {
  return {.id = "gguf",
          .name = "GGUF file",
          .loaders = "llama.cpp and what is built on it",
          .suffix = ".gguf",
          .scaleTypes = {ScaleType::F16},
          .preflight = preflight,
          .write = write};
}

}  // namespace qs
