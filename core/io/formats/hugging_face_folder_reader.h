#pragma once

#include <filesystem>
#include <memory>

#include "core/io/checkpoint.h"

namespace qs {

/// A folder with at least one .safetensors file, or with pytorch_model.bin or its index.
[[nodiscard]] bool acceptsHuggingFaceFolder(const std::filesystem::path& path);

/// Opens `model.safetensors`; or the shards that `model.safetensors.index.json` names; or, without either, every
/// .safetensors file in the order of their names. Without any, `pytorch_model.bin` or its shards. Throws Error (Input).
[[nodiscard]] std::shared_ptr<const Checkpoint> openHuggingFaceFolder(const std::filesystem::path& path);

}  // namespace qs
