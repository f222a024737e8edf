#include "app/cli/output_checks.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace qs::cli {

namespace {

namespace fs = std::filesystem;

void requireWritableParent(const fs::path& path) {
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code failed;
  if (!fs::is_directory(parent, failed))
    throw failedError(path.string(), "the folder " + parent.string() + " does not exist");
  if (access(parent.c_str(), W_OK | X_OK) != 0)
    throw failedError(path.string(), "the folder " + parent.string() + " can't be written: " + std::strerror(errno));
}

bool isPartOf(const fs::path& path, const Checkpoint& model) {
  std::error_code ignored;
  if (fs::equivalent(path, model.path(), ignored)) return true;
  for (const fs::path& file : model.contents().files)
    if (fs::equivalent(path, file, ignored) || fs::equivalent(path, file.parent_path(), ignored)) return true;
  return false;
}

// "out/" names the same folder as "out".
fs::path withoutTrailingSlash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

}  // namespace

void requireWritableFile(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) throw failedError(path.string(), "is a folder, expected a file to write");
  const bool isDevice = fs::exists(path, ignored) && !fs::is_regular_file(path, ignored);
  if (!isDevice) requireWritableParent(path);
}

void requireWritableOutput(const fs::path& path, const ExporterInfo& exporter, bool replace, const Checkpoint& model) {
  const fs::path output = withoutTrailingSlash(path);
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(output, ignored))) {
    if (isPartOf(output, model)) throw requestError(output.string(), "is the model itself; choose another output");
    if (!replace) throw requestError(output.string(), "exists already; --force replaces it");
    if (fs::is_directory(output, ignored) != exporter.writesFolder && fs::exists(output, ignored))
      throw requestError(output.string(), exporter.writesFolder ? "is a file, the format writes a folder"
                                                                : "is a folder, the format writes a file");
  }
  requireWritableParent(output);
}

}  // namespace qs::cli
