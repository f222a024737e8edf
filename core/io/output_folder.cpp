#include "core/io/output_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/base/error.h"
#include "core/io/aside_name.h"

namespace qs {

namespace {

// "out/" names the folder "out".
std::filesystem::path withoutTrailingSlash(const std::filesystem::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

// Throws Error (Failed) naming the file as it will be called in `folder`.
void syncFile(const std::filesystem::path& file, const std::filesystem::path& folder) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const int reason = fd < 0 || (fsync(fd) != 0 && errno != EINVAL) ? errno : 0;
  if (fd >= 0) close(fd);
  if (reason != 0)
    throw failedError((folder / file.filename()).string(),
                      "can't be written: " + std::generic_category().message(reason));
}

// Whether `folder` is the current one, or holds it.
bool holdsCurrentFolder(const std::filesystem::path& folder) {
  std::error_code failure;
  for (auto at = std::filesystem::current_path(failure); !failure; at = at.parent_path()) {
    if (std::filesystem::equivalent(at, folder, failure)) return true;
    if (at == at.parent_path()) break;
  }
  return false;
}

}  // namespace

void requireReplaceableFolder(const std::filesystem::path& path, bool replace) {
  requireReplaceable(path, replace);
  std::error_code failure;
  if (!std::filesystem::is_directory(path, failure)) return;
  if (holdsCurrentFolder(path))
    throw requestError(path.string(), "can't be replaced: the program runs in it; choose another folder");
  bool isEmpty = true;
  for (const auto& entry : std::filesystem::directory_iterator(path, failure)) {
    isEmpty = false;
    if (entry.is_directory(failure))
      throw requestError(path.string(), "can't be replaced: it holds the folder " + entry.path().filename().string() +
                                            ", which no export writes; choose another folder");
  }
  if (!isEmpty && !std::filesystem::exists(path / "config.json", failure))
    throw requestError(
        path.string(),
        "can't be replaced: it holds files but no config.json, as no export does; choose another folder");
}

OutputFolder::OutputFolder(const std::filesystem::path& path, bool replace)
    : m_path(withoutTrailingSlash(path)), m_aside(asideName(m_path)), m_replace(replace) {
  requireReplaceableFolder(m_path, replace);
  std::error_code failure;
  std::filesystem::create_directory(m_aside, failure);
  if (failure) throw failedError(m_path.string(), "can't be written: " + failure.message());
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!m_isCommitted) std::filesystem::remove_all(m_aside, ignored);
}

Error OutputFolder::inItsPlace(const Error& error) const {
  std::string subject = error.subject();
  const std::string aside = m_aside.string();
  if (const std::size_t at = subject.find(aside); at != std::string::npos)
    subject.replace(at, aside.size(), m_path.string());
  return {error.kind(), std::move(subject), error.reason()};
}

void OutputFolder::commit() {
  for (const auto& file : std::filesystem::directory_iterator(m_aside)) syncFile(file.path(), m_path);
  syncFolder(m_aside);
  renameIntoPlace(m_aside, m_path, m_replace);
  m_isCommitted = true;
  syncFolder(m_path.parent_path());
}

}  // namespace qs
