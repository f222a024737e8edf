#include "core/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "core/base/error.h"
#include "core/io/direct_file.h"
#include "core/io/file_descriptor.h"

namespace qs {

namespace {

Error systemError(const std::filesystem::path& path, const std::string& what) {
  return inputError(path.string(), what + ": " + std::generic_category().message(errno));
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // Non-blocking, so that a named pipe is refused below rather than waited for.
  const FileDescriptor file(path, O_RDONLY | O_NONBLOCK);
  if (file.fd() < 0) throw systemError(path, "can't be opened");
  struct stat status {};
  if (fstat(file.fd(), &status) != 0) throw systemError(path, "can't be examined");
  if (!S_ISREG(status.st_mode)) throw inputError(path.string(), "not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  const Identity identity{status.st_dev, status.st_ino};
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(path, identity, {}));
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  if (address == MAP_FAILED) throw systemError(path, "can't be mapped");
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, identity, {static_cast<const std::byte*>(address), size}));
}

MappedFile::MappedFile(std::filesystem::path path, Identity identity, std::span<const std::byte> bytes)
    : m_path(std::move(path)), m_identity(identity), m_bytes(bytes) {}

MappedFile::~MappedFile() {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the system call wants it so
  if (!m_bytes.empty()) munmap(const_cast<std::byte*>(m_bytes.data()), m_bytes.size());
}

std::span<const std::byte> MappedFile::bytes(std::uint64_t offset, std::uint64_t length) const {
  if (offset > size() || length > size() - offset)
    throw mismatchError(m_path.string(), "file size",
                        "at least " + std::to_string(length) + " bytes from offset " + std::to_string(offset),
                        std::to_string(size()) + " bytes");
  return m_bytes.subspan(offset, length);
}

void MappedFile::prefetch(std::span<const std::byte> range) const { advise(range, MADV_WILLNEED); }

void MappedFile::release(std::span<const std::byte> range) const { advise(range, MADV_DONTNEED); }

void MappedFile::forget(std::span<const std::byte> range) const {
  advise(range, MADV_PAGEOUT);
  release(range);
}

std::uint64_t MappedFile::copyDirect(std::span<const std::byte> range, std::span<std::byte> out) const {
  const FileDescriptor file(m_path, O_RDONLY | O_DIRECT);
  struct stat status {};
  if (file.fd() < 0 || fstat(file.fd(), &status) != 0) return 0;
  if (Identity{status.st_dev, status.st_ino} != m_identity) return 0;  // another file has its name now
  return readDirect(file, static_cast<std::uint64_t>(range.data() - m_bytes.data()), out);
}

void MappedFile::copyOnce(std::span<const std::byte> range, std::span<std::byte> out) const {
  const std::uint64_t done = range.size() >= kDirectLeast ? copyDirect(range, out) : 0;
  const auto rest = range.subspan(done);
  if (rest.size() >= kDirectLeast) prefetch(rest);
  std::copy(rest.begin(), rest.end(), out.begin() + static_cast<std::ptrdiff_t>(done));
  forget(rest);
}

void MappedFile::advise(std::span<const std::byte> range, int advice) const {
  if (range.empty()) return;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto offset = static_cast<std::size_t>(range.data() - m_bytes.data());
  const std::size_t first = offset / page * page;
  const std::size_t last = std::min((offset + range.size() + page - 1) / page * page, m_bytes.size());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the system call wants it so
  madvise(const_cast<std::byte*>(m_bytes.data()) + first, last - first, advice);
}

}  // namespace qs
