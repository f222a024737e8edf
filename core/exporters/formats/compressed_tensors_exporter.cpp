#include "core/exporters/formats/compressed_tensors_exporter.h"

#include "core/base/error.h"
#include "core/exporters/layer_preflight.h"
#include "core/exporters/model_folder_export.h"
#include "core/io/layouts/bit_stream.h"
#include "core/io/layouts/compressed_layout.h"

namespace qs {

namespace {

CompressedForm formOf(const QuantizedTensor& head) {
  if (head.scheme.number == NumberFormat::Codebook) return CompressedForm::Float;
  return head.activations ? CompressedForm::Int : CompressedForm::Packed;
}

// Inputs' static scales are F32, which F16 can't hold; the components of a layer share one type.
DType scaleTypeOf(const QuantizedTensor& head) {
  return head.activations && head.activations->isStatic ? DType::F32 : DType::F16;
}

void requireStorable(const QuantizedTensor& head, const std::string& layer) {
  if (head.activations && head.activations->isStatic && !head.activations->symmetric)
    throw failedError("layer '" + layer + "'",
                      "int-quantized holds symmetric input scales only: choose an observer that is symmetric "
                      "(entropy), or quantize inputs dynamically");
}

// The components of a layer whose codes are all zero have the shapes of the layer's.
std::vector<PlannedTensor> partsOf(const ExportUnit& unit, const QuantizedTensor& head) {
  requireStorable(head, unit.layer);
  QuantizedTensor blank = head;
  blank.codes.assign(head.rows * head.cols, 0);
  std::vector<PlannedTensor> parts;
  for (const PackedTensor& part : packCompressed(blank, formOf(head), scaleTypeOf(head), unit.layer))
    parts.push_back({unit.layer + "." + part.suffix, part.dtype, part.shape});
  return parts;
}

nlohmann::json weightsConfig(const QuantizedTensor& head) {
  const QuantScheme& scheme = head.scheme;
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
  if (!head.groupIndex.empty()) config["actorder"] = "group";
  return config;
}

nlohmann::json inputsConfig(const QuantizedTensor& head) {
  if (!head.activations) return nullptr;
  return {{"num_bits", head.activations->bits},
          {"type", "int"},
          {"symmetric", head.activations->symmetric},
          {"strategy", head.activations->isStatic || !head.activations->perToken ? "tensor" : "token"},
          {"dynamic", !head.activations->isStatic}};
}

nlohmann::json configuration(const std::vector<QuantizedTensor>& heads, const std::vector<std::string>& unquantized) {
  if (heads.empty()) throw failedError("compressed-tensors", "the run quantized no layer");
  const CompressedForm form = formOf(heads.front());
  const char* format = form == CompressedForm::Packed ? "pack-quantized"
                       : form == CompressedForm::Int  ? "int-quantized"
                                                      : "float-quantized";
  const nlohmann::json group{{"targets", {"Linear"}},
                             {"weights", weightsConfig(heads.front())},
                             {"input_activations", inputsConfig(heads.front())},
                             {"output_activations", nullptr},
                             {"format", nullptr}};
  return {{"quant_method", "compressed-tensors"}, {"format", format},
          {"quantization_status", "compressed"},  {"ignore", unquantized},
          {"kv_cache_scheme", nullptr},           {"global_compression_ratio", nullptr},
          {"config_groups", {{"group_0", group}}}};
}

void write(const ExportSource& source, const ExportOptions& options, const RunContext& context) {
  const auto pack = [](const QuantizedTensor& layer, const std::string& name) {
    return packCompressed(layer, formOf(layer), scaleTypeOf(layer), name);
  };
  exportModelFolder(source, options,
                    {.partsOf = partsOf, .pack = pack, .configuration = configuration, .configurationFile = {}},
                    context);
}

std::string faultOf(const PreflightLayer& layer) {
  const QuantScheme& scheme = layer.scheme;
  const bool isFp8 = scheme.codebookName == "e4m3";
  if ((scheme.number != NumberFormat::Integer && !isFp8) || scheme.realZeroPoint)
    return "compressed-tensors holds integer codes with integer zero points, or FP8: choose another method than " +
           layer.method;
  if (layer.quantizesInputs && scheme.bits != 8)
    return "int-quantized holds 8 bits, not " + std::to_string(scheme.bits);
  if (!layer.groupsDivide())
    return "its " + std::to_string(layer.cols) + " inputs are no multiple of the group size " +
           std::to_string(scheme.groupSize);
  return {};
}

}  // namespace

ExporterInfo compressedTensorsExporter() {
  return {.id = "compressed-tensors",
          .name = "compressed-tensors model folder",
          .loaders = "vLLM (4 or 8 bits symmetric; W8A8 per channel; FP8), transformers",
          .writesFolder = true,
          .scaleType = ScaleType::F16,
          .preflight =
              [](const Checkpoint& model, const QuantRequest& request, const ExportOptions& /*options*/) {
                return preflightLayers(model, request, ScaleType::F16, true, faultOf);
              },
          .write = write};
}

}  // namespace qs
