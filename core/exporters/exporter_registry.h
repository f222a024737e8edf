#pragma once

#include <span>
#include <string_view>

#include "core/exporters/exporter.h"

namespace qs {

[[nodiscard]] std::span<const ExporterInfo> allExporters();
/// Throws Error (Request) that lists the known ids.
[[nodiscard]] const ExporterInfo& requireExporter(std::string_view id);

/// How a run over the model should store scales for this format: BF16 for BF16 weights where the format holds that,
/// because its loaders keep scales in the model's own type; else the format's usual type.
[[nodiscard]] ScaleType scaleTypeFor(const ExporterInfo& exporter, const Checkpoint& model);

/// Throws Error (Request) for the first blocking finding of the exporter's preflight, or where the output is the opened
/// model, one of its files or a folder around them, or exists and may not be replaced, or its folder can't be written.
void requireExportable(const ExporterInfo& exporter, const Checkpoint& model, const QuantRequest& request,
                       const ExportOptions& options);

}  // namespace qs
