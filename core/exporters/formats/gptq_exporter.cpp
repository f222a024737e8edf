#include "core/exporters/formats/gptq_exporter.h"

#include <algorithm>
#include <memory>

#include "core/base/error.h"
#include "core/exporters/layer_preflight.h"
#include "core/exporters/model_folder_export.h"
#include "core/io/layouts/bit_stream.h"
#include "core/io/layouts/gptq_layout.h"

namespace qs {

namespace {

enum class VersionChoice { Auto, V1, V2 };

VersionChoice versionChoice(const ExportOptions& options) {
  const auto choice = options.extra.find("gptq_version");
  if (choice == options.extra.end() || choice->second == "auto") return VersionChoice::Auto;
  if (choice->second == "v1") return VersionChoice::V1;
  if (choice->second == "v2") return VersionChoice::V2;
  throw requestError("gptq_version", "'" + choice->second + "' is none of auto, v1, v2");
}

bool needsV2(const std::vector<LayerSummary>& layers) {
  return std::any_of(layers.begin(), layers.end(), [](const LayerSummary& layer) { return layer.hasZeroAtZero; });
}

std::vector<PlannedTensor> partsOf(const ExportUnit& unit, const QuantizedTensor& head) {
  const std::uint64_t groups = head.scheme.groupsPerRow(head.cols);
  const int bits = head.scheme.bits;
  return {{unit.layer + ".qweight", DType::I32, {wordsOfFields(head.cols, bits), head.rows}},
          {unit.layer + ".qzeros", DType::I32, {groups, wordsOfFields(head.rows, bits)}},
          {unit.layer + ".scales", DType::F16, {groups, head.rows}},
          {unit.layer + ".g_idx", DType::I32, {head.cols}}};
}

// A layer's name as a regular expression that matches it alone.
std::string exactly(const std::string& layer) {
  std::string pattern = "^";
  for (const char c : layer) {
    if (c == '.') pattern += '\\';
    pattern += c;
  }
  return pattern + "$";
}

std::int64_t groupSizeOf(const QuantScheme& scheme) { return scheme.groupSize > 0 ? scheme.groupSize : -1; }

// The scheme that most layers have; the first of equals.
const QuantScheme& usualScheme(const std::vector<LayerSummary>& layers) {
  const auto uses = [&layers](const QuantScheme& scheme) {
    return std::count_if(layers.begin(), layers.end(),
                         [&](const LayerSummary& layer) { return layer.scheme == scheme; });
  };
  const QuantScheme* usual = &layers.front().scheme;
  for (const LayerSummary& layer : layers)
    if (layer.scheme != *usual && uses(layer.scheme) > uses(*usual)) usual = &layer.scheme;
  return *usual;
}

// Layers that aren't quantized, or not as most are; the head is another key's business.
nlohmann::json dynamicRules(const std::vector<LayerSummary>& layers, const std::vector<std::string>& unquantized) {
  nlohmann::json rules = nlohmann::json::object();
  const QuantScheme& usual = usualScheme(layers);
  for (const std::string& layer : unquantized)
    if (!layer.ends_with("lm_head")) rules["-:" + exactly(layer)] = nlohmann::json::object();
  for (const LayerSummary& layer : layers)
    if (layer.scheme != usual)
      rules["+:" + exactly(layer.name)] = {
          {"bits", layer.scheme.bits}, {"group_size", groupSizeOf(layer.scheme)}, {"sym", layer.scheme.symmetric}};
  return rules;
}

// How the codes were found, as far as the configuration has keys for it; the usual values where it wasn't by GPTQ.
struct Procedure {
  double damping = 0.01;
  bool sequential = false;
  bool staticGroups = false;
};

Procedure procedureOf(const ExportSource& source) {
  for (const LayerReportPtr& layer : source.report.layers)
    if (layer->method == "gptq")
      return {layer->settings.real("damping"), source.request.calibration.sequential,
              layer->settings.flag("static_groups")};
  return {};
}

nlohmann::json configuration(const std::vector<LayerSummary>& layers, const std::vector<std::string>& unquantized,
                             const Procedure& procedure, bool isV2) {
  const QuantScheme& scheme = usualScheme(layers);
  const auto any = [&layers](const auto& holds) { return std::any_of(layers.begin(), layers.end(), holds); };
  const char* format = isV2 ? "gptq_v2" : "gptq";
  nlohmann::json config{{"quant_method", "gptq"},
                        {"bits", scheme.bits},
                        {"group_size", groupSizeOf(scheme)},
                        {"desc_act", any([](const LayerSummary& layer) { return layer.hasGroupIndex; })},
                        {"sym", scheme.symmetric},
                        {"checkpoint_format", format},
                        {"damp_percent", procedure.damping},
                        {"true_sequential", procedure.sequential},
                        {"static_groups", procedure.staticGroups},
                        {"lm_head", any([](const LayerSummary& layer) { return layer.name.ends_with("lm_head"); })}};
  const nlohmann::json rules = dynamicRules(layers, unquantized);
  if (!rules.empty()) config["dynamic"] = rules;
  return config;
}

ExportResult write(const ExportSource& source, const ExportOptions& options, const RunContext& context) {
  const VersionChoice choice = versionChoice(options);
  bool isV2 = choice == VersionChoice::V2;
  const FolderFormat format{
      .partsOf = partsOf,
      .pack = [&isV2](
                  const QuantizedTensor& layer,
                  const std::string& name) { return packGptq(layer, isV2 ? GptqVersion::V2 : GptqVersion::V1, name); },
      .configuration =
          [&isV2, choice, procedure = procedureOf(source)](const std::vector<LayerSummary>& layers,
                                                           const std::vector<std::string>& unquantized) {
            isV2 = isV2 || (choice == VersionChoice::Auto && needsV2(layers));
            return configuration(layers, unquantized, procedure, isV2);
          },
      .configurationFile = "quantize_config.json"};
  return exportModelFolder(source, options, format, context);
}

std::string faultOf(const PreflightLayer& layer) {
  const QuantScheme& scheme = layer.scheme;
  if (scheme.number != NumberFormat::Integer || scheme.realZeroPoint)
    return "GPTQ holds integer codes with integer zero points: choose rtn, gptq, awq or qat instead of " + layer.method;
  if (layer.quantizesInputs) return "GPTQ holds weights only: export " + layer.method + " as compressed-tensors";
  if (scheme.bits != 2 && scheme.bits != 3 && scheme.bits != 4 && scheme.bits != 8)
    return "GPTQ holds 2, 3, 4 or 8 bits, not " + std::to_string(scheme.bits);
  if (layer.rows % 32 != 0 || layer.cols % 32 != 0)
    return "GPTQ needs both dimensions to be multiples of 32, not " + toText({layer.rows, layer.cols}) +
           ": skip the layer";
  return groupFault(layer);
}

// Which groups get a zero point of 0 shows in the weights only, so it is not left to chance.
std::string version1Fault(const PreflightLayer& layer) {
  if (layer.scheme.symmetric) return {};
  return "GPTQ version 1 can't hold a zero point of 0, which an asymmetric group without negative weights gets: choose "
         "symmetric, version 2, or auto, which takes version 1 where no group needs 0";
}

std::string schemeAdvice(const PreflightLayer& layer) {
  if (!layer.scheme.symmetric)
    return "vLLM's newest releases take symmetric GPTQ only, and GPTQModel refuses asymmetric files of version 1: "
           "choose "
           "symmetric, or AWQ for asymmetric 4 bits";
  if (layer.scheme.bits == 2 || layer.scheme.bits == 3)
    return std::to_string(layer.scheme.bits) +
           " bits load in transformers with GPTQ kernels only: choose 4 or 8 for vLLM";
  return {};
}

std::vector<PreflightFinding> preflight(const Checkpoint& model, const QuantRequest& request,
                                        const ExportOptions& options) {
  const bool isV1 = versionChoice(options) == VersionChoice::V1;
  const auto fault = [isV1](const PreflightLayer& layer) {
    const std::string other = faultOf(layer);
    return other.empty() && isV1 ? version1Fault(layer) : other;
  };
  return preflightFolder(model, request,
                         {.oneSetting = false, .fault = fault, .advice = {schemeAdvice, fusedKernelAdvice}});
}

}  // namespace

ExporterInfo gptqExporter() {
  return {.id = "gptq",
          .name = "GPTQ model folder",
          .loaders = "transformers, GPTQModel, ExLlama; vLLM and SGLang where symmetric with 4 or 8 bits",
          .writesFolder = true,
          .scaleTypes = {ScaleType::F16},
          .preflight = preflight,
          .write = write};
}

}  // namespace qs
