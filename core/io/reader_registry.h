#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"

namespace qs {

/// A file format that can be opened.
struct ReaderInfo {
  std::string id;
  std::string name;                   ///< for file dialogs, e.g. "safetensors"
  std::vector<std::string> suffixes;  ///< with the dot, lower case
  /// Whether this reader takes the path (by its ending, its first bytes, or the files in the folder). Never throws.
  bool (*accepts)(const std::filesystem::path&) = nullptr;
  /// Opens it, without its values. Throws Error (Input).
  std::shared_ptr<const Checkpoint> (*open)(const std::filesystem::path&) = nullptr;
};

[[nodiscard]] std::span<const ReaderInfo> allReaders();

/// Opens a model folder or file with the first reader that accepts it. Throws Error (Input) that names the path and
/// why.
[[nodiscard]] std::shared_ptr<const Checkpoint> openCheckpoint(const std::filesystem::path& path);

}  // namespace qs
