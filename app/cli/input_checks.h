#pragma once

#include <string>

namespace qs::cli {

/// Checks before any work that a file which an option names (empty: it wasn't given) is there and can be read. Throws
/// Error (Input) naming it.
void requireReadableFile(const std::string& path);

}  // namespace qs::cli
