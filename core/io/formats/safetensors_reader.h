#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"

namespace qs {

/// The tensors and metadata of one safetensors file.
struct SafetensorsFile {
  std::vector<CheckpointTensor> tensors;  ///< in data order
  std::map<std::string, std::string> metadata;
};

/// Maps a safetensors file and reads its header (formats.md section 2). Throws Error (Input).
[[nodiscard]] SafetensorsFile readSafetensorsFile(const std::filesystem::path& path);

[[nodiscard]] bool acceptsSafetensors(const std::filesystem::path& path);
/// One file as a model. A config.json beside it counts, unless the file is a shard of several.
[[nodiscard]] std::shared_ptr<const Checkpoint> openSafetensors(const std::filesystem::path& path);

}  // namespace qs
