#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "core/io/checkpoint.h"

namespace qs {

/// Whether a file name reads "…-00001-of-00003.…".
[[nodiscard]] bool isShardName(std::string_view fileName);

/// Adds what stands beside a model's weights in its folder: the text of config.json, and the folder as the tokenizer's
/// where it holds one. Throws Error (Input) where config.json is no JSON object or larger than 16 MiB.
void addModelFolder(const std::filesystem::path& folder, Checkpoint::Contents& contents);

inline constexpr std::uint64_t kMaximumConfigBytes = std::uint64_t{16} << 20U;

/// A small text file. Throws Error (Input) where it can't be read or is larger than `maximumBytes`.
[[nodiscard]] std::string readTextFile(const std::filesystem::path& path, std::uint64_t maximumBytes);

}  // namespace qs
