#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/io/file_descriptor.h"

namespace qs {

// Transfers past the system's page cache (O_DIRECT). Gigabytes that are written once then need no pages to be found and
// filled for them, and don't push out of the cache what the model is read from.

/// What the offsets of such transfers are multiples of, and their lengths and addresses.
constexpr std::uint64_t kDirectBlock = 4096;

/// From how many bytes on they pay.
constexpr std::uint64_t kDirectLeast = std::uint64_t{1} << 20U;

/// Memory for them, not initialized.
class DirectBuffer {
 public:
  explicit DirectBuffer(std::size_t size);
  [[nodiscard]] std::span<std::byte> bytes() const { return m_bytes; }

 private:
  std::unique_ptr<std::byte[]> m_memory;
  std::span<std::byte> m_bytes;
};

/// A second way into a file that is being written.
class DirectWriter {
 public:
  /// Where the file system knows no such way, write() writes nothing.
  explicit DirectWriter(const std::filesystem::path& path);
  /// Writes whole blocks from `offset`, a multiple of kDirectBlock, and gives the number of bytes written: fewer where
  /// the system refused, for whatever reason. Thread-safe.
  [[nodiscard]] std::uint64_t write(std::uint64_t offset, std::span<const std::byte> bytes) const;

 private:
  FileDescriptor m_file;
};

/// Reads whole blocks of a file opened with O_DIRECT from `offset`, as many as `bytes` holds, and gives the number of
/// bytes read: fewer where the system refused, none where `offset` is no multiple of kDirectBlock.
[[nodiscard]] std::uint64_t readDirect(const FileDescriptor& file, std::uint64_t offset, std::span<std::byte> bytes);

/// A whole file's bytes, read past the cache where the system can.
class FileBytes {
 public:
  /// Nothing where the file isn't there or can't be read.
  [[nodiscard]] static std::optional<FileBytes> read(const std::filesystem::path& path);

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(m_buffer.bytes().data()), m_size};
  }

 private:
  explicit FileBytes(std::size_t size) : m_buffer(size), m_size(size) {}

  DirectBuffer m_buffer;
  std::size_t m_size;
};

}  // namespace qs
