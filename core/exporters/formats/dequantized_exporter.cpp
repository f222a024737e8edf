#include "core/exporters/formats/dequantized_exporter.h"

#include "core/base/error.h"
#include "core/exporters/run_metadata.h"
#include "core/exporters/single_file_export.h"
#include "core/session/linear_weights.h"

namespace qs {

namespace {

DType dtypeOf(const ExportOptions& options) {
  const auto choice = options.extra.find("dtype");
  if (choice == options.extra.end() || choice->second == "f32") return DType::F32;
  if (choice->second == "f16") return DType::F16;
  if (choice->second == "bf16") return DType::BF16;
  throw requestError("dtype", "'" + choice->second + "' is none of f32, f16, bf16");
}

std::vector<PlannedTensor> partsOf(const ExportUnit& unit, const QuantizedTensor& head, DType dtype) {
  std::vector<PlannedTensor> parts{{unit.tensor->info.name, dtype, unit.tensor->info.shape}};
  if (!head.inputScale.empty()) parts.push_back({unit.layer + "." + inputScaleSuffix(head), DType::F32, {head.cols}});
  if (!head.groupIndex.empty()) parts.push_back({unit.layer + ".g_idx", DType::I32, {head.cols}});
  return parts;
}

ExportResult write(const ExportSource& source, const ExportOptions& options, const RunContext& context) {
  const DType dtype = dtypeOf(options);
  const WriteLayer writeLayer = [&](const ExportUnit& unit, const QuantizedTensor& layer, const TensorSink& out) {
    const bool isTransposed = isStoredTransposed(source.model, unit.tensor->info);
    writeDequantized(layer, dtype, isTransposed, unit.tensor->info.name, out, context);
    if (!layer.inputScale.empty())
      writeValues<float>(out, unit.layer + "." + inputScaleSuffix(layer), layer.inputScale);
    if (!layer.groupIndex.empty()) writeValues<std::int32_t>(out, unit.layer + ".g_idx", layer.groupIndex);
  };
  return exportSafetensorsFile(
      source, options,
      [dtype](const ExportUnit& unit, const QuantizedTensor& head) { return partsOf(unit, head, dtype); }, writeLayer,
      context);
}

std::vector<PreflightFinding> preflight(const Checkpoint& /*model*/, const QuantRequest& /*request*/,
                                        const ExportOptions& options) {
  try {
    if (const DType dtype = dtypeOf(options); dtype != DType::F32)
      return {{false,
               {},
               "the weights are rounded to " + std::string(name(dtype)) +
                   " once more; the errors reported are those of the weights before that"}};
  } catch (const Error& error) {
    return {{.blocking = true, .layer = {}, .message = error.what()}};
  }
  return {};
}

}  // namespace

ExporterInfo dequantizedExporter() {
  return {.id = "dequantized",
          .name = "Dequantized weights (safetensors)",
          .loaders = "everything that loads the original, under the same names",
          .suffix = ".safetensors",
          .preflight = preflight,
          .write = write};
}

}  // namespace qs
