#include "core/exporters/formats/compressed_tensors_exporter.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/exporters/layer_preflight.h"
#include "core/exporters/model_folder_export.h"
#include "core/io/layouts/bit_stream.h"
#include "core/io/layouts/compressed_layout.h"

namespace qs {

namespace {

CompressedForm formOf(const QuantScheme& scheme, bool quantizesInputs) {
  if (scheme.number == NumberFormat::Codebook) return CompressedForm::Float;
  return quantizesInputs ? CompressedForm::Int : CompressedForm::Packed;
}

const char* formatOf(CompressedForm form) {
  return form == CompressedForm::Packed ? "pack-quantized"
         : form == CompressedForm::Int  ? "int-quantized"
                                        : "float-quantized";
}

bool hasStaticInputs(const QuantizedTensor& head) { return head.activations && head.activations->isStatic; }

// Inputs' static scales are F32, which F16 can't hold; the components of a layer share one type.
DType scaleTypeOf(const QuantizedTensor& head) {
  if (hasStaticInputs(head)) return DType::F32;
  return head.scheme.scaleType == ScaleType::BF16 ? DType::BF16 : DType::F16;
}

std::vector<PlannedTensor> partsOf(const ExportUnit& unit, const QuantizedTensor& head) {
  const CompressedForm form = formOf(head.scheme, head.activations.has_value());
  const std::uint64_t groups = head.scheme.groupsPerRow(head.cols);
  const Shape scaleShape = head.scheme.groupSize == kPerTensor ? Shape{1} : Shape{head.rows, groups};
  const int bits = head.scheme.bits;
  std::vector<PlannedTensor> parts;
  const auto add = [&](const char* suffix, DType dtype, Shape shape) {
    parts.push_back({unit.layer + "." + suffix, dtype, std::move(shape)});
  };
  if (form == CompressedForm::Packed) {
    add("weight_packed", DType::I32, {head.rows, wordsOfFields(head.cols, bits)});
    add("weight_shape", DType::I64, {2});
    const std::array<std::int64_t, 2> shape{static_cast<std::int64_t>(head.rows), static_cast<std::int64_t>(head.cols)};
    const auto bytes = std::as_bytes(std::span(shape));  // who reads the file while it is written needs the shapes
    parts.back().contents.assign(bytes.begin(), bytes.end());
  } else {
    add("weight", form == CompressedForm::Float ? DType::F8E4M3 : DType::I8, {head.rows, head.cols});
  }
  add("weight_scale", scaleTypeOf(head), scaleShape);
  if (!head.zeroPoints.empty() && form == CompressedForm::Packed)
    add("weight_zero_point", DType::I32, {wordsOfFields(head.rows, bits), groups});
  if (!head.zeroPoints.empty() && form == CompressedForm::Int) add("weight_zero_point", DType::I8, scaleShape);
  if (!head.groupIndex.empty()) add("weight_g_idx", DType::I32, {head.cols});
  if (hasStaticInputs(head)) add("input_scale", DType::F32, {1});
  if (hasStaticInputs(head) && !head.activations->symmetric) add("input_zero_point", DType::I8, {1});
  return parts;
}

nlohmann::json weightsConfig(const LayerSummary& layer) {
  const QuantScheme& scheme = layer.scheme;
  nlohmann::json config{{"num_bits", scheme.bits},
                        {"type", scheme.number == NumberFormat::Codebook ? "float" : "int"},
                        {"symmetric", scheme.symmetric || scheme.number == NumberFormat::Codebook},
                        {"strategy", scheme.groupSize > 0             ? "group"
                                     : scheme.groupSize == kPerTensor ? "tensor"
                                                                      : "channel"},
                        {"group_size", nullptr},
                        {"dynamic", false},
                        {"actorder", nullptr},
                        {"observer", "minmax"}};
  if (scheme.groupSize > 0) config["group_size"] = scheme.groupSize;
  if (layer.hasGroupIndex) config["actorder"] = "group";
  return config;
}

nlohmann::json inputsConfig(const LayerSummary& layer) {
  if (!layer.activations) return nullptr;
  return {{"num_bits", layer.activations->bits},
          {"type", "int"},
          {"symmetric", layer.activations->symmetric},
          {"strategy", layer.activations->isStatic || !layer.activations->perToken ? "tensor" : "token"},
          {"dynamic", !layer.activations->isStatic}};
}

// Layers of one kind: they share an entry of config_groups.
struct Group {
  nlohmann::json weights;
  nlohmann::json inputs;
  const char* format = nullptr;
  std::vector<std::string> layers;
};

std::vector<Group> groupsOf(const std::vector<LayerSummary>& layers) {
  std::vector<Group> groups;
  for (const LayerSummary& layer : layers) {
    Group own{.weights = weightsConfig(layer),
              .inputs = inputsConfig(layer),
              .format = formatOf(formOf(layer.scheme, layer.activations.has_value()))};
    auto group = std::find_if(groups.begin(), groups.end(), [&own](const Group& other) {
      return other.weights == own.weights && other.inputs == own.inputs && other.format == own.format;
    });
    if (group == groups.end()) group = groups.insert(groups.end(), std::move(own));
    group->layers.push_back(layer.name);
  }
  return groups;
}

nlohmann::json configuration(const std::vector<LayerSummary>& layers, const std::vector<std::string>& unquantized) {
  const std::vector<Group> groups = groupsOf(layers);
  const bool isMixed = std::any_of(groups.begin(), groups.end(),
                                   [&groups](const Group& group) { return group.format != groups.front().format; });
  nlohmann::json configGroups = nlohmann::json::object();
  for (const Group& group : groups) {
    nlohmann::json entry{{"targets", {"Linear"}},
                         {"weights", group.weights},
                         {"input_activations", group.inputs},
                         {"output_activations", nullptr},
                         {"format", nullptr}};
    if (groups.size() > 1) entry["targets"] = group.layers;
    if (isMixed) entry["format"] = group.format;
    configGroups["group_" + std::to_string(configGroups.size())] = entry;
  }
  return {{"quant_method", "compressed-tensors"}, {"format", isMixed ? "mixed-precision" : groups.front().format},
          {"quantization_status", "compressed"},  {"ignore", unquantized},
          {"kv_cache_scheme", nullptr},           {"global_compression_ratio", nullptr},
          {"config_groups", configGroups}};
}

PackedTensors pack(const QuantizedTensor& layer, const std::string& name) {
  return packCompressed(layer, formOf(layer.scheme, layer.activations.has_value()), scaleTypeOf(layer), name);
}

FolderFormat folderFormat() {
  return {.partsOf = partsOf, .pack = pack, .configuration = configuration, .configurationFile = {}};
}

ExportResult write(const ExportSource& source, const ExportOptions& options, const RunContext& context) {
  return exportModelFolder(source, options, folderFormat(), context);
}

std::unique_ptr<RunningExport> begin(const Checkpoint& model, const QuantRequest& request, const RunStore& store,
                                     const ExportOptions& options, const RunContext& context) {
  return beginModelFolder(model, request, store, options, folderFormat(), context);
}

std::string faultOf(const PreflightLayer& layer) {
  const QuantScheme& scheme = layer.scheme;
  const bool isFp8 = scheme.codebookName == "e4m3";
  if ((scheme.number != NumberFormat::Integer && !isFp8) || scheme.realZeroPoint)
    return "compressed-tensors holds integer codes with integer zero points, or FP8: choose another method than " +
           layer.method;
  if (layer.quantizesInputs && scheme.bits != 8)
    return "int-quantized holds 8 bits, not " + std::to_string(scheme.bits);
  return groupFault(layer);
}

std::string schemeAdvice(const PreflightLayer& layer) {
  const QuantScheme& scheme = layer.scheme;
  if (scheme.number == NumberFormat::Codebook)
    return scheme.groupSize > 0 ? "vLLM takes FP8 weights per channel or per tensor, not in groups" : "";
  if (layer.quantizesInputs && (!scheme.symmetric || scheme.groupSize > 0))
    return "vLLM takes W8A8 with symmetric weights per channel or per tensor only";
  if (layer.quantizesInputs)
    return layer.isDynamicPerTensor ? "vLLM takes dynamic input scales per token only, not per tensor" : "";
  if (scheme.bits != 4 && scheme.bits != 8)
    return "vLLM takes 4 or 8 bits for certain, not " + std::to_string(scheme.bits);
  if (scheme.groupSize == kPerTensor) return "vLLM takes packed weights in groups or per channel, not per tensor";
  return {};
}

std::string kernelAdvice(const PreflightLayer& layer) {
  return layer.scheme.number == NumberFormat::Integer && !layer.quantizesInputs ? fusedKernelAdvice(layer) : "";
}

std::vector<ScaleType> scaleTypes() { return {ScaleType::F16, ScaleType::BF16}; }

std::vector<PreflightFinding> preflight(const Checkpoint& model, const QuantRequest& request,
                                        const ExportOptions& /*options*/) {
  std::vector<PreflightFinding> findings = preflightFolder(
      model, request,
      {.oneSetting = false, .scaleTypes = scaleTypes(), .fault = faultOf, .advice = {schemeAdvice, kernelAdvice}});
  if (request.scaleType == ScaleType::F16 && hasBf16Weights(model))
    findings.push_back({false, {}, "this run's scales are F16; loaders of a BF16 model round them to BF16"});
  return findings;
}

}  // namespace

ExporterInfo compressedTensorsExporter() {
  return {.id = "compressed-tensors",
          .name = "compressed-tensors model folder",
          .loaders = "vLLM (4 or 8 bits symmetric; W8A8 per channel; FP8), transformers",
          .writesFolder = true,
          .scaleTypes = scaleTypes(),
          .preflight = preflight,
          .write = write,
          .begin = begin};
}

}  // namespace qs
