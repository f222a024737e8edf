#pragma once

#include <filesystem>

#include "core/io/checkpoint.h"
#include "core/model/tokenizer/tokenizer.h"

namespace qs {

/// The tokenizer of a folder: tokenizer.json, else tokenizer.model, with what tokenizer_config.json adds. Throws Error
/// (Input) when the folder has none or it is malformed.
[[nodiscard]] TokenizerPtr loadTokenizer(const std::filesystem::path& folder);
/// The tokenizer of an opened model.
[[nodiscard]] TokenizerPtr loadTokenizer(const Checkpoint& model);

}  // namespace qs
