#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/exporters/exporter.h"

namespace qs::cli {

/// A file or folder that a command reads or writes, and the option that names it. An empty path wasn't given.
struct NamedPath {
  std::string option;
  std::filesystem::path path;
  bool isEarlier = false;  ///< an earlier run wrote what stands there: it may be replaced
};

/// Checks before any work that a file can be written: its folder exists and is writable, the path is no folder. Throws
/// Error (Failed).
void requireWritableFile(const std::filesystem::path& path);

/// As requireWritableFile for a file beside the main output: what stands there and isn't an earlier run's needs
/// `replace`. Throws Error (Request or Failed).
void requireWritableExtra(const NamedPath& output, bool replace);

/// As requireWritableFile for an export; an existing output needs `replace`, and the name of a single file has no other
/// suffix than the format's. Throws Error (Request or Failed).
void requireWritableOutput(const std::filesystem::path& path, const ExporterInfo& exporter, bool replace);

/// Throws Error (Request) where the name has another suffix than `suffix`, by which what `writer` writes is opened
/// again.
void requireSuffix(const std::filesystem::path& path, const std::string& suffix, const std::string& writer);

/// Warns where nothing would open what was written, because its name has no suffix.
void warnWithoutSuffix(const std::filesystem::path& path, const std::string& suffix);

/// Throws Error (Request) where an output is an input or another output, or is a folder that holds one. Devices and
/// pipes may be named twice.
void requireSeparateFiles(std::span<const NamedPath> outputs, std::span<const NamedPath> inputs);

/// Throws Error (Request) where an output is a file of the opened model (whatever stands in its folder but an earlier
/// run's, or beside a single file what it was opened with) or a folder that holds one.
void requireOutsideModel(std::span<const NamedPath> outputs, const Checkpoint& model);

}  // namespace qs::cli
