#pragma once

#include <filesystem>
#include <memory>

#include "core/io/checkpoint.h"

namespace qs {

[[nodiscard]] bool acceptsNpy(const std::filesystem::path& path);
/// A NumPy array as a model of one tensor, named after the file. Throws Error (Input).
[[nodiscard]] std::shared_ptr<const Checkpoint> openNpy(const std::filesystem::path& path);

[[nodiscard]] bool acceptsNpz(const std::filesystem::path& path);
/// A NumPy archive: one tensor a member. Members may be stored or deflated; a deflated one is inflated when it is first
/// read and let go on release(), and may be at most four times the file's size (or 1 MiB). Throws Error (Input).
[[nodiscard]] std::shared_ptr<const Checkpoint> openNpz(const std::filesystem::path& path);

}  // namespace qs
