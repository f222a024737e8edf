#include "tests/support/zip_bytes.h"

#include "tests/support/safetensors_bytes.h"

namespace qs::test {

namespace {

constexpr std::size_t kLongestBlock = 65535;

std::string number16(std::uint64_t value) { return bytesOf(static_cast<std::uint16_t>(value)); }
std::string number32(std::uint64_t value) { return bytesOf(static_cast<std::uint32_t>(value)); }

// What local header and directory say alike: version, flags, method, time, CRC, sizes, length of the name.
std::string commonFields(const ZipEntry& entry) {
  const bool isStored = entry.method == 0;
  const std::string& inflated = isStored ? entry.contents : entry.inflated;
  return number16(20) + number16(entry.flags) + number16(entry.method) + number32(0x00210000) +
         number32(crc32Of(inflated) ^ entry.crcLie) +
         number32(entry.contents.size() + static_cast<std::uint64_t>(entry.storedLie)) +
         number32(inflated.size() + static_cast<std::uint64_t>(entry.sizeLie)) + number16(entry.name.size());
}

}  // namespace

std::uint32_t crc32Of(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::string zipBytes(const std::vector<ZipEntry>& entries) {
  std::string bytes;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    const std::uint64_t offset = bytes.size() + static_cast<std::uint64_t>(entry.offsetLie);
    bytes += "PK\x03\x04" + commonFields(entry) + number16(0) + entry.name + entry.contents;
    directory += "PK\x01\x02" + number16(20) + commonFields(entry) + number16(0) + number16(0) + number16(0) +
                 number16(0) + number32(0) + number32(offset) + entry.name;
  }
  const std::size_t start = bytes.size();
  return bytes + directory + "PK\x05\x06" + number32(0) + number16(entries.size()) + number16(entries.size()) +
         number32(directory.size()) + number32(start) + number16(0);
}

ZipEntry deflatedEntry(std::string name, const std::string& inflated) {
  ZipEntry entry{.name = std::move(name), .method = 8, .inflated = inflated};
  for (std::size_t at = 0; at < inflated.size() || at == 0; at += kLongestBlock) {
    const std::string block = inflated.substr(at, kLongestBlock);
    entry.contents += at + kLongestBlock >= inflated.size() ? '\1' : '\0';
    entry.contents += number16(block.size()) + number16(~block.size()) + block;
  }
  return entry;
}

}  // namespace qs::test
