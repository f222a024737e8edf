#include "core/io/output_folder.h"

#include <system_error>

#include "core/base/error.h"
#include "core/io/aside_name.h"

namespace qs {

namespace {

// "out/" names the folder "out".
std::filesystem::path withoutTrailingSlash(const std::filesystem::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

OutputFolder::OutputFolder(const std::filesystem::path& path, bool replace)
    : m_path(withoutTrailingSlash(path)), m_aside(asideName(m_path)), m_replace(replace) {
  requireReplaceable(m_path, replace);
  std::error_code failure;
  std::filesystem::create_directory(m_aside, failure);
  if (failure) throw failedError(m_path.string(), "can't be written: " + failure.message());
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!m_isCommitted) std::filesystem::remove_all(m_aside, ignored);
}

void OutputFolder::commit() {
  syncFolder(m_aside);
  renameIntoPlace(m_aside, m_path, m_replace);
  m_isCommitted = true;
  syncFolder(m_path.parent_path());
}

}  // namespace qs
