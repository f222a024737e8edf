#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "core/io/direct_file.h"

namespace qs {

/// A file written aside, in the folder where it will stand, and renamed when it is complete: under its name there is
/// the old file, or the whole new one, or nothing. Without commit() nothing stays. Every fault of the system (full
/// disk, unwritable folder) throws Error (Failed) naming the path.
class OutputFile {
 public:
  /// Looks at the complete file, by its name aside, before it appears; what it throws keeps it from appearing.
  using Inspect = std::function<void(const std::filesystem::path& aside)>;

  /// Throws Error (Request) where the file exists and may not be replaced. `expectedBytes` is reserved on the disk
  /// where the file system can, so that a full disk shows at once, and large files are written past the page cache;
  /// 0 = unknown.
  OutputFile(std::filesystem::path path, bool replace, std::uint64_t expectedBytes = 0);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  OutputFile(OutputFile&&) = delete;
  OutputFile& operator=(OutputFile&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  /// Thread-safe.
  void writeAt(std::uint64_t offset, std::span<const std::byte> bytes) const;
  /// Lets `inspect` look at the contents, makes them durable and puts the file in place.
  void commit(const Inspect& inspect = {});
  /// Gives the file its name while it is still written, so that it can be read: for files of an OutputFolder.
  void appear();
  /// Puts the file in place, not yet durable: for files of an OutputFolder, whose commit() makes all of them so.
  void place();

 private:
  void writeCached(std::uint64_t offset, std::span<const std::byte> bytes) const;
  void discard() noexcept;

  std::filesystem::path m_path;
  std::filesystem::path m_aside;  // its present name
  bool m_replace;
  int m_fd = -1;
  std::unique_ptr<const DirectWriter> m_direct;  // of large files
};

/// A whole small file through OutputFile.
void writeOutputFile(const std::filesystem::path& path, std::string_view text, bool replace);

}  // namespace qs
