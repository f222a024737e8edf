#pragma once

#include <filesystem>

#include "core/exporters/exporter.h"

namespace qs::cli {

/// Checks before any work that a file can be written: its folder exists and is writable, the path is no folder. Throws
/// Error (Failed).
void requireWritableFile(const std::filesystem::path& path);

/// As requireWritableFile for an export; an existing output needs `replace`, and a file or folder of the opened model
/// is never replaced. Throws Error (Failed).
void requireWritableOutput(const std::filesystem::path& path, const ExporterInfo& exporter, bool replace,
                           const Checkpoint& model);

}  // namespace qs::cli
