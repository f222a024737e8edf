#include "core/io/aside_name.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "core/base/error.h"

namespace qs {

namespace fs = std::filesystem;

fs::path asideName(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  const std::string unique = std::to_string(getpid()) + "-" + std::to_string(counter++);
  return path.parent_path() / ("." + path.filename().string() + "." + unique + ".partial");
}

void requireReplaceable(const fs::path& path, bool replace) {
  std::error_code ignored;
  if (!replace && fs::exists(fs::symlink_status(path, ignored)))
    throw requestError(path.string(), "exists already; say that it may be replaced (--force), or choose another name");
}

void renameIntoPlace(const fs::path& aside, const fs::path& path, bool replace) {
  const auto tryRename = [&](unsigned flags) {
    return renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), flags) == 0;
  };
  if (tryRename(RENAME_NOREPLACE)) return;
  if (errno == EEXIST) {
    requireReplaceable(path, replace);
    if (tryRename(RENAME_EXCHANGE)) {  // the old contents now have the aside name
      std::error_code ignored;
      fs::remove_all(aside, ignored);
      return;
    }
  }
  // A file system without these flags: the old contents leave first, and come back where the new ones can't take their
  // place.
  requireReplaceable(path, replace);
  std::error_code failure;
  const fs::path old = asideName(path);
  fs::rename(path, old, failure);
  const bool hadOld = !failure;
  fs::rename(aside, path, failure);
  if (failure) {
    std::error_code ignored;
    if (hadOld) fs::rename(old, path, ignored);
    throw failedError(path.string(), "can't be put in place: " + failure.message());
  }
  if (hadOld) fs::remove_all(old, failure);
}

void syncFolder(const fs::path& folder) {
  const int fd = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace qs
