#pragma once

#include <filesystem>

#include "core/base/error.h"

namespace qs {

/// Throws Error (Request) where `path` exists and may not be replaced: `replace` is false, or it is a folder that no
/// export left (one without config.json, unless it is empty, or with folders in it), or one that this program runs in.
void requireReplaceableFolder(const std::filesystem::path& path, bool replace);

/// As OutputFile, for a folder: its files are written into inside(), and commit() puts the folder in place as a whole.
class OutputFolder {
 public:
  /// Throws as requireReplaceableFolder, and Error (Failed) where the folder can't be made.
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
