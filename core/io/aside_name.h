#pragma once

#include <filesystem>

namespace qs {

/// A hidden name in the folder of `path` for writing its new contents aside: ".NAME.PID-N.partial"; another one each
/// time.
[[nodiscard]] std::filesystem::path asideName(const std::filesystem::path& path);

/// Puts what was written aside in place, atomically: nobody sees a part of it or nothing in between. Throws Error
/// (Request) where `path` exists and `replace` is false, Error (Failed) where the system refuses; then `path` is as it
/// was and `aside` still there.
void renameIntoPlace(const std::filesystem::path& aside, const std::filesystem::path& path, bool replace);

/// Throws Error (Request) where `path` exists and may not be replaced.
void requireReplaceable(const std::filesystem::path& path, bool replace);

/// Makes the folder's entries durable (fsync). Errors are ignored: not every file system has it.
void syncFolder(const std::filesystem::path& folder);

}  // namespace qs
