#include "core/exporters/formats/awq_exporter.h"

#include "core/base/error.h"
#include "core/exporters/layer_preflight.h"
#include "core/exporters/model_folder_export.h"
#include "core/io/layouts/awq_layout.h"

namespace qs {

namespace {

constexpr std::uint64_t kPerWord = 8;

std::vector<PlannedTensor> partsOf(const ExportUnit& unit, const QuantizedTensor& head) {
  const std::uint64_t groups = head.scheme.groupsPerRow(head.cols);
  return {{unit.layer + ".qweight", DType::I32, {head.cols, head.rows / kPerWord}},
          {unit.layer + ".qzeros", DType::I32, {groups, head.rows / kPerWord}},
          {unit.layer + ".scales", DType::F16, {groups, head.rows}}};
}

nlohmann::json configuration(const std::vector<LayerSummary>& layers, const std::vector<std::string>& unquantized) {
  const std::int64_t groupSize = layers.front().scheme.groupSize;
  nlohmann::json config{{"quant_method", "awq"}, {"bits", 4},         {"group_size", groupSize > 0 ? groupSize : -1},
                        {"zero_point", true},    {"version", "gemm"}, {"modules_to_not_convert", nullptr}};
  if (!unquantized.empty()) config["modules_to_not_convert"] = unquantized;
  return config;
}

FolderFormat folderFormat() {
  return {.partsOf = partsOf, .pack = packAwq, .configuration = configuration, .configurationFile = {}};
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
  if (scheme.number != NumberFormat::Integer || scheme.realZeroPoint)
    return "AWQ holds integer codes with integer zero points: choose awq, rtn, gptq or qat instead of " + layer.method;
  if (layer.quantizesInputs) return "AWQ holds weights only: export " + layer.method + " as compressed-tensors";
  if (scheme.bits != 4) return "AWQ holds 4 bits, not " + std::to_string(scheme.bits);
  if (layer.rows % kPerWord != 0) return "AWQ needs outputs in multiples of 8, not " + std::to_string(layer.rows);
  if (const std::string fault = groupFault(layer); !fault.empty()) return fault;
  if (layer.mayReorderGroups) return "AWQ has no group index: use static groups, or no act-order";
  return {};
}

std::vector<PreflightFinding> preflight(const Checkpoint& model, const QuantRequest& request,
                                        const ExportOptions& /*options*/) {
  return preflightFolder(model, request, {.oneSetting = true, .fault = faultOf, .advice = {fusedKernelAdvice}});
}

}  // namespace

ExporterInfo awqExporter() {
  return {.id = "awq",
          .name = "AWQ GEMM model folder",
          .loaders = "vLLM, SGLang, transformers with AutoAWQ kernels",
          .writesFolder = true,
          .scaleTypes = {ScaleType::F16},
          .preflight = preflight,
          .write = write,
          .begin = begin};
}

}  // namespace qs
