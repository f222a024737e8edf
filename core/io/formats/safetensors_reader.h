#pragma once

#include <filesystem>
#include <memory>

#include "core/io/checkpoint.h"
#include "core/io/formats/weights_file.h"

namespace qs {

/// Maps a safetensors file and reads its header; tensors in data order. Throws Error (Input).
[[nodiscard]] WeightsFile readSafetensorsFile(const std::filesystem::path& path);

[[nodiscard]] bool acceptsSafetensors(const std::filesystem::path& path);
/// One file as a model. A config.json beside it counts, unless the file is a shard of several.
[[nodiscard]] std::shared_ptr<const Checkpoint> openSafetensors(const std::filesystem::path& path);

}  // namespace qs
