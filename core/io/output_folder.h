#pragma once

#include <filesystem>

#include "core/base/error.h"

namespace qs {

/// As OutputFile, for a folder: its files are written into inside(), and commit() puts the folder in place as a whole.
class OutputFolder {
 public:
  /// Throws Error (Request) where `path` exists and may not be replaced, Error (Failed) where it can't be made.
  OutputFolder(const std::filesystem::path& path, bool replace);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  OutputFolder(OutputFolder&&) = delete;
  OutputFolder& operator=(OutputFolder&&) = delete;

  /// Where to write meanwhile.
  [[nodiscard]] const std::filesystem::path& inside() const { return m_aside; }
  /// An error about a file inside, with the name that the file would have had.
  [[nodiscard]] Error inItsPlace(const Error& error) const;
  /// Makes the files durable and puts the folder in place. It holds no folders.
  void commit();

 private:
  std::filesystem::path m_path;
  std::filesystem::path m_aside;
  bool m_replace;
  bool m_isCommitted = false;
};

}  // namespace qs
