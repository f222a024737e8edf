#pragma once

#include <filesystem>
#include <string_view>

namespace qs {

/// Writes a whole file aside and renames it over `target`: a reader sees the old file or the new one, never a part.
/// Throws Error (Failed) that names the file and the system's reason; then nothing new is left.
void writeFileAtomically(const std::filesystem::path& target, std::string_view bytes);

/// The whole file as bytes. Throws Error (Input) that names it.
[[nodiscard]] std::string readWholeFile(const std::filesystem::path& path);

}  // namespace qs
