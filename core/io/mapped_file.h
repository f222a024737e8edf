#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace qs {

/// A regular file mapped for reading. Immutable, thread-safe; pages are read when touched.
class MappedFile {
 public:
  /// Throws Error (Input) naming the path where it is missing, unreadable or no regular file.
  [[nodiscard]] static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile(MappedFile&&) = delete;
  MappedFile& operator=(MappedFile&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  [[nodiscard]] std::uint64_t size() const { return m_bytes.size(); }
  [[nodiscard]] std::span<const std::byte> bytes() const { return m_bytes; }
  /// `length` bytes from `offset`. Throws Error (Input) where they pass the end of the file.
  [[nodiscard]] std::span<const std::byte> bytes(std::uint64_t offset, std::uint64_t length) const;
  /// Lets the system read the pages that hold `range`, a part of bytes(), ahead of their use.
  void prefetch(std::span<const std::byte> range) const;
  /// Lets the system drop the pages that hold `range`, a part of bytes(); reading again maps them anew.
  void release(std::span<const std::byte> range) const;
  /// As release(), and takes those pages from the system's cache, where the file is the user's.
  void forget(std::span<const std::byte> range) const;
  /// Copies `range`, a part of bytes() that won't be read again soon, to `out`, which is as long: past the system's
  /// cache where that is possible, and else forgotten.
  void copyOnce(std::span<const std::byte> range, std::span<std::byte> out) const;

 private:
  /// Which file it is, whatever its name.
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    bool operator==(const Identity&) const = default;
  };

  MappedFile(std::filesystem::path path, Identity identity, std::span<const std::byte> bytes);

  /// copyOnce() past the cache; how many bytes, from the first on.
  [[nodiscard]] std::uint64_t copyDirect(std::span<const std::byte> range, std::span<std::byte> out) const;
  void advise(std::span<const std::byte> range, int advice) const;

  std::filesystem::path m_path;
  Identity m_identity;
  std::span<const std::byte> m_bytes;
};

}  // namespace qs
