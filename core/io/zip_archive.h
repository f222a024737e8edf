#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/mapped_file.h"

namespace qs {

/// A file within an archive.
struct ZipMember {
  std::string name;
  std::size_t index = 0;
  std::uint64_t size = 0;            ///< of the contents; checked against `bytes` where stored
  bool isStored = true;              ///< otherwise deflated
  std::span<const std::byte> bytes;  ///< as they stand in the mapped file
};

/// A mapped zip archive whose members are stored or deflated, and not encrypted. Thread-safe. Opening reads the
/// directory only; errors are Errors (Input) naming archive and member.
class ZipArchive {
 public:
  [[nodiscard]] static std::shared_ptr<const ZipArchive> open(const std::filesystem::path& path);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;
  ZipArchive(ZipArchive&&) = delete;
  ZipArchive& operator=(ZipArchive&&) = delete;

  [[nodiscard]] const std::shared_ptr<const MappedFile>& file() const;
  [[nodiscard]] const std::vector<ZipMember>& members() const;
  /// The member of this exact name, or null.
  [[nodiscard]] const ZipMember* find(std::string_view name) const;
  /// "archive: member", for messages.
  [[nodiscard]] std::string subject(const ZipMember& member) const;

  /// The first `count` bytes of the contents, or all of them where there are fewer.
  [[nodiscard]] std::vector<std::byte> head(const ZipMember& member, std::size_t count) const;
  /// The whole contents, their size and CRC checked. Takes `member.size` bytes: the caller judges that first.
  [[nodiscard]] std::vector<std::byte> contents(const ZipMember& member) const;
  /// Reads the member through and throws where its size or CRC is not as the directory says.
  void requireIntact(const ZipMember& member) const;

 private:
  class Handle;
  explicit ZipArchive(std::unique_ptr<Handle> handle);

  std::unique_ptr<Handle> m_handle;
};

}  // namespace qs
