#pragma once

#include <filesystem>

#include "core/session/hash64.h"

namespace qs {

/// Adds a file's size, time and sampled bytes (its first 64 KiB and 16 pieces spread over it); an absent file adds its
/// path only. Never a full read of a large file.
void addFileFingerprint(const std::filesystem::path& path, Hash64& hash);

}  // namespace qs
