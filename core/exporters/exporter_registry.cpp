#include "core/exporters/exporter_registry.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/exporters/formats/awq_exporter.h"
#include "core/exporters/formats/compressed_tensors_exporter.h"
#include "core/exporters/formats/dequantized_exporter.h"
#include "core/exporters/formats/gguf_exporter.h"
#include "core/exporters/formats/gptq_exporter.h"
#include "core/exporters/formats/safetensors_exporter.h"
#include "core/exporters/layer_preflight.h"
#include "core/io/aside_name.h"
#include "core/io/output_folder.h"

namespace qs {

namespace {

void requireWritableFolder(const std::filesystem::path& path) {
  const std::filesystem::path clean = path.has_filename() ? path : path.parent_path();
  const std::filesystem::path folder = clean.parent_path().empty() ? "." : clean.parent_path();
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) throw requestError(folder.string(), "there is no such folder");
  if (access(folder.c_str(), W_OK | X_OK) != 0) throw requestError(folder.string(), "the folder can't be written");
}

bool isSame(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code ignored;
  return std::filesystem::equivalent(a, b, ignored);
}

// Whether `folder` is around the file, by its name or where its links lead.
bool isAround(const std::filesystem::path& folder, const std::filesystem::path& file) {
  std::error_code ignored;
  for (std::filesystem::path at : {std::filesystem::absolute(file, ignored), std::filesystem::canonical(file, ignored)})
    for (at = at.parent_path(); at.has_relative_path(); at = at.parent_path())
      if (isSame(folder, at)) return true;
  return false;
}

// What is written in the model's place would take away what is read from.
void requireApartFrom(const Checkpoint& model, const std::filesystem::path& path) {
  if (isSame(path, model.path()))
    throw requestError(path.string(), "is the opened model itself; choose another output");
  for (const std::filesystem::path& file : model.contents().files) {
    if (isSame(path, file))
      throw requestError(path.string(), "is one of the opened model's files; choose another output");
    if (isAround(path, file))
      throw requestError(path.string(), "is a folder that holds the opened model; choose another output");
  }
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

ScaleType scaleTypeFor(const ExporterInfo& exporter, const Checkpoint& model) {
  const bool holdsBf16 = std::ranges::find(exporter.scaleTypes, ScaleType::BF16) != exporter.scaleTypes.end();
  return holdsBf16 && hasBf16Weights(model) ? ScaleType::BF16 : exporter.scaleTypes.front();
}

void requireExportable(const ExporterInfo& exporter, const Checkpoint& model, const QuantRequest& request,
                       const ExportOptions& options) {
  for (const PreflightFinding& finding : exporter.preflight(model, request, options))
    if (finding.blocking)
      throw requestError("format " + exporter.id + (finding.layer.empty() ? "" : ": layer '" + finding.layer + "'"),
                         finding.message);
  requireApartFrom(model, options.path);
  exporter.writesFolder ? requireReplaceableFolder(options.path, options.replace)
                        : requireReplaceable(options.path, options.replace);
  requireWritableFolder(options.path);
}

}  // namespace qs
