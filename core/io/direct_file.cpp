#include "core/io/direct_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace qs {

namespace {

constexpr std::size_t kChunk = std::size_t{4} << 20U;

std::uint64_t offBlock(const std::byte* address) { return reinterpret_cast<std::uintptr_t>(address) % kDirectBlock; }

std::uint64_t wholeBlocks(std::uint64_t bytes) { return (bytes + kDirectBlock - 1) / kDirectBlock * kDirectBlock; }

// The bytes from `offset` on, up to the end of the file or until the system refuses; gives their number.
std::size_t readInto(int fd, std::span<std::byte> bytes, std::size_t offset) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

}  // namespace

DirectBuffer::DirectBuffer(std::size_t size)
    : m_memory(std::make_unique_for_overwrite<std::byte[]>(wholeBlocks(size) + kDirectBlock)),
      m_bytes(m_memory.get() + (kDirectBlock - offBlock(m_memory.get())) % kDirectBlock, wholeBlocks(size)) {}

DirectWriter::DirectWriter(const std::filesystem::path& path) : m_file(path, O_WRONLY | O_DIRECT) {}

std::uint64_t DirectWriter::write(std::uint64_t offset, std::span<const std::byte> bytes) const {
  if (m_file.fd() < 0) return 0;
  const bool isAligned = offBlock(bytes.data()) == 0;
  const DirectBuffer copy(isAligned ? 0 : kChunk);
  std::uint64_t done = 0;
  while (bytes.size() - done >= kDirectBlock) {
    const std::uint64_t count = std::min<std::uint64_t>(kChunk, (bytes.size() - done) / kDirectBlock * kDirectBlock);
    const std::byte* chunk = bytes.data() + done;
    if (!isAligned) chunk = static_cast<const std::byte*>(std::memcpy(copy.bytes().data(), chunk, count));
    const ssize_t written = pwrite(m_file.fd(), chunk, count, static_cast<off_t>(offset + done));
    if (written < 0 && errno == EINTR) continue;
    const std::uint64_t blocks = written > 0 ? static_cast<std::uint64_t>(written) / kDirectBlock * kDirectBlock : 0;
    if (blocks == 0) break;
    done += blocks;
  }
  return done;
}

std::uint64_t readDirect(const FileDescriptor& file, std::uint64_t offset, std::span<std::byte> bytes) {
  if (offset % kDirectBlock != 0) return 0;
  const auto blocks = bytes.first(bytes.size() / kDirectBlock * kDirectBlock);
  if (offBlock(bytes.data()) == 0) return readInto(file.fd(), blocks, offset) / kDirectBlock * kDirectBlock;
  const DirectBuffer copy(kChunk);
  std::uint64_t done = 0;
  while (done < blocks.size()) {
    const auto chunk = copy.bytes().first(std::min<std::uint64_t>(kChunk, blocks.size() - done));
    const std::uint64_t count = readInto(file.fd(), chunk, offset + done) / kDirectBlock * kDirectBlock;
    std::memcpy(blocks.data() + done, chunk.data(), count);
    done += count;
    if (count < chunk.size()) break;
  }
  return done;
}

std::optional<FileBytes> FileBytes::read(const std::filesystem::path& path) {
  const FileDescriptor cached(path, O_RDONLY);
  struct stat status {};
  if (cached.fd() < 0 || fstat(cached.fd(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  FileBytes file(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  if (file.m_size >= kDirectLeast) {
    const FileDescriptor direct(path, O_RDONLY | O_DIRECT);
    done = readDirect(direct, 0, file.m_buffer.bytes());
  }
  if (done < file.m_size) done += readInto(cached.fd(), file.m_buffer.bytes().subspan(done), done);
  if (done < file.m_size) return std::nullopt;
  return file;
}

}  // namespace qs
