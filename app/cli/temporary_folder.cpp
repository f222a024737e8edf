#include "app/cli/temporary_folder.h"

#include <unistd.h>

#include <string>
#include <system_error>

namespace qs::cli {

TemporaryFolder::TemporaryFolder(const std::filesystem::path& root)
    : m_path(root / ("process-" + std::to_string(getpid()))) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(m_path, ignored);
}

}  // namespace qs::cli
