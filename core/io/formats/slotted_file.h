#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/io/output_file.h"

namespace qs {

/// An output file of a header and tensors that have their places in the data behind it; they are filled in any order,
/// streaming. Nothing is written before open().
class SlottedFile {
 public:
  /// Gives a tensor its place, `offset` from the data's start; false where the name has one already.
  [[nodiscard]] bool reserve(const std::string& tensor, std::uint64_t offset, std::uint64_t bytes);
  /// Throws Error (Request) where the file exists and may not be replaced, Error (Failed) where the disk is full.
  void open(const std::filesystem::path& path, std::string_view header, std::uint64_t dataBytes, bool replace);

  /// The next bytes of a tensor. Thread-safe across tensors; one thread a tensor. Throws Error (Failed) naming a tensor
  /// that has no room for them.
  void append(std::string_view tensor, std::span<const std::byte> bytes);
  /// Bytes at a tensor's start that will be appended too, for who reads the file meanwhile.
  void fill(std::string_view tensor, std::span<const std::byte> bytes);
  /// As OutputFile.
  void appear() { m_file->appear(); }
  /// As OutputFile. Throws Error (Failed) naming a tensor that is incomplete.
  void commit(const OutputFile::Inspect& inspect);
  void place();

 private:
  struct Slot {
    std::uint64_t offset = 0;  ///< of its next byte
    std::uint64_t end = 0;
  };
  /// Throws Error (Failed) where it has no room for the bytes.
  [[nodiscard]] Slot& slotFor(std::string_view tensor, std::uint64_t bytes);
  void requireComplete() const;

  std::map<std::string, Slot, std::less<>> m_slots;
  std::unique_ptr<OutputFile> m_file;
};

}  // namespace qs
