#pragma once

#include <filesystem>

namespace qs::cli {

/// A name for a folder of this process below `root`; whatever stands there at the end is removed.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::filesystem::path& root);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  TemporaryFolder(TemporaryFolder&&) = delete;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }

 private:
  std::filesystem::path m_path;
};

}  // namespace qs::cli
