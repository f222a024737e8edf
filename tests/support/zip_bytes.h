#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qs::test {

/// A member of an archive that is written byte by byte, lies included.
struct ZipEntry {
  std::string name;
  std::string contents;        ///< as stored in the file
  std::uint16_t method = 0;    ///< 0 stored, 8 deflated
  std::uint16_t flags = 0;     ///< bit 0: encrypted
  std::int64_t sizeLie = 0;    ///< added to the uncompressed size in the directory
  std::int64_t storedLie = 0;  ///< added to the compressed size in the directory
  std::uint32_t crcLie = 0;    ///< xor-ed into the CRC
  std::int64_t offsetLie = 0;  ///< added to the place of the local header
  std::string inflated;        ///< what deflated contents stand for
};

/// A zip archive: local headers with contents, directory, end record.
[[nodiscard]] std::string zipBytes(const std::vector<ZipEntry>& entries);
/// Contents as deflate blocks without compression.
[[nodiscard]] ZipEntry deflatedEntry(std::string name, const std::string& inflated);
[[nodiscard]] std::uint32_t crc32Of(std::string_view bytes);

}  // namespace qs::test
