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

bool hasZeroAtZero(const std::vector<QuantizedTensor>& heads) {
  return std::any_of(heads.begin(), heads.end(), [](const QuantizedTensor& head) {
    return std::find(head.zeroPoints.begin(), head.zeroPoints.end(), 0.0F) != head.zeroPoints.end();
  });
}

std::vector<PlannedTensor> partsOf(const ExportUnit& unit, const QuantizedTensor& head) {
  const std::uint64_t groups = head.scheme.groupsPerRow(head.cols);
  const int bits = head.scheme.bits;
  return {{unit.layer + ".qweight", DType::I32, {wordsOfFields(head.cols, bits), head.rows}},
          {unit.layer + ".qzeros", DType::I32, {groups, wordsOfFields(head.rows, bits)}},
          {unit.layer + ".scales", DType::F16, {groups, head.rows}},
          {unit.layer + ".g_idx", DType::I32, {head.cols}}};
}

nlohmann::json configuration(const std::vector<QuantizedTensor>& heads, bool isV2) {
  if (heads.empty()) throw failedError("gptq", "the run quantized no layer");
  const QuantScheme& scheme = heads.front().scheme;
  const bool reorders =
      std::any_of(heads.begin(), heads.end(), [](const QuantizedTensor& head) { return !head.groupIndex.empty(); });
  const char* format = isV2 ? "gptq_v2" : "gptq";
  return {
      {"quant_method", "gptq"}, {"bits", scheme.bits},     {"group_size", scheme.groupSize > 0 ? scheme.groupSize : -1},
      {"desc_act", reorders},   {"sym", scheme.symmetric}, {"checkpoint_format", format},
      {"damp_percent", 0.01},   {"true_sequential", true}, {"static_groups", false},
      {"lm_head", false}};
}

void write(const ExportSource& source, const ExportOptions& options, const RunContext& context) {
  const VersionChoice choice = versionChoice(options);
  bool isV2 = choice == VersionChoice::V2;
  const FolderFormat format{
      .partsOf = partsOf,
      .pack = [&isV2](
                  const QuantizedTensor& layer,
                  const std::string& name) { return packGptq(layer, isV2 ? GptqVersion::V2 : GptqVersion::V1, name); },
      .configuration =
          [&isV2, choice](const std::vector<QuantizedTensor>& heads, const std::vector<std::string>& /*unquantized*/) {
            isV2 = isV2 || (choice == VersionChoice::Auto && hasZeroAtZero(heads));
            return configuration(heads, isV2);
          },
      .configurationFile = "quantize_config.json"};
  exportModelFolder(source, options, format, context);
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
  if (!layer.groupsDivide())
    return "its " + std::to_string(layer.cols) + " inputs are no multiple of the group size " +
           std::to_string(scheme.groupSize);
  return {};
}

}  // namespace

ExporterInfo gptqExporter() {
  return {.id = "gptq",
          .name = "GPTQ model folder",
          .loaders = "transformers, GPTQModel, ExLlama; vLLM and SGLang where symmetric with 4 or 8 bits",
          .writesFolder = true,
          .scaleType = ScaleType::F16,
          .preflight =
              [](const Checkpoint& model, const QuantRequest& request, const ExportOptions& options) {
                static_cast<void>(versionChoice(options));
                return preflightLayers(model, request, ScaleType::F16, true, faultOf);
              },
          .write = write};
}

}  // namespace qs
