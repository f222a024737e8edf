#include "core/exporters/exporter_registry.h"

#include <unistd.h>

#include <array>

#include "core/base/error.h"
#include "core/exporters/formats/awq_exporter.h"
#include "core/exporters/formats/compressed_tensors_exporter.h"
#include "core/exporters/formats/dequantized_exporter.h"
#include "core/exporters/formats/gguf_exporter.h"
#include "core/exporters/formats/gptq_exporter.h"
#include "core/exporters/formats/safetensors_exporter.h"
#include "core/io/aside_name.h"

namespace qs {

namespace {

void requireWritableFolder(const std::filesystem::path& path) {
  const std::filesystem::path clean = path.has_filename() ? path : path.parent_path();
  const std::filesystem::path folder = clean.parent_path().empty() ? "." : clean.parent_path();
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) throw requestError(folder.string(), "there is no such folder");
  if (access(folder.c_str(), W_OK | X_OK) != 0) throw requestError(folder.string(), "the folder can't be written");
}

}  // namespace

std::span<const ExporterInfo> allExporters() {
  static const std::array exporters{safetensorsExporter(), dequantizedExporter(),       gptqExporter(),
                                    awqExporter(),         compressedTensorsExporter(), ggufExporter()};
  return exporters;
}

const ExporterInfo& requireExporter(std::string_view id) {
  std::string known;
  for (const ExporterInfo& exporter : allExporters()) {
    if (exporter.id == id) return exporter;
    known += (known.empty() ? "" : ", ") + exporter.id;
  }
  throw requestError("format", "'" + std::string(id) + "' is not known; there are " + known);
}

void requireExportable(const ExporterInfo& exporter, const Checkpoint& model, const QuantRequest& request,
                       const ExportOptions& options) {
  for (const PreflightFinding& finding : exporter.preflight(model, request, options))
    if (finding.blocking)
      throw requestError("format " + exporter.id + (finding.layer.empty() ? "" : ": layer '" + finding.layer + "'"),
                         finding.message);
  requireReplaceable(options.path, options.replace);
  requireWritableFolder(options.path);
}

}  // namespace qs
