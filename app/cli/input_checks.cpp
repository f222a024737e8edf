#include "app/cli/input_checks.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "core/base/error.h"

namespace qs::cli {

void requireReadableFile(const std::string& path) {
  if (path.empty()) return;
  std::error_code ignored;
  if (access(path.c_str(), R_OK) != 0)
    throw inputError(path, "can't be opened: " + std::generic_category().message(errno));
  if (std::filesystem::is_directory(path, ignored)) throw inputError(path, "is a folder, expected a file");
}

}  // namespace qs::cli
