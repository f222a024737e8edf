#pragma once

#include <filesystem>
#include <memory>

#include "core/io/checkpoint.h"

namespace qs {

[[nodiscard]] bool acceptsGguf(const std::filesystem::path& path);

/// Opens a GGUF file (version 2 or 3): tensors of a known architecture appear under their Hugging Face names and in
/// that layout (q/k rows unpermuted, GPT-2 transposed, Gemma's norms less one), with a config.json made from the
/// metadata; others as stored. Block types are decoded lazily. Throws Error (Input).
[[nodiscard]] std::shared_ptr<const Checkpoint> openGguf(const std::filesystem::path& path);

}  // namespace qs
