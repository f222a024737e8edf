#include "app/cli/environment.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <system_error>

namespace qs::cli {

namespace {

namespace fs = std::filesystem;

fs::path cacheFolder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') return cache;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') return fs::path(home) / ".cache";
  return {};
}

bool canWriteIn(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  return !failed && access(folder.c_str(), W_OK) == 0;
}

}  // namespace

fs::path findExecutableFolder() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  return failed ? fs::current_path() : program.parent_path();
}

fs::path findRunsFolder() {
  const fs::path cache = cacheFolder();
  if (!cache.empty() && canWriteIn(cache / "quantscope" / "runs")) return cache / "quantscope" / "runs";
  return fs::temp_directory_path() / ("quantscope-" + std::to_string(getuid())) / "runs";
}

}  // namespace qs::cli
