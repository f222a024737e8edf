#include "core/io/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/io/aside_name.h"

namespace qs {

namespace {

Error systemFailure(const std::filesystem::path& path, const std::string& what, int code) {
  return failedError(path.string(), what + ": " + std::generic_category().message(code));
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path, bool replace, std::uint64_t expectedBytes)
    : m_path(std::move(path)), m_aside(asideName(m_path)), m_replace(replace) {
  requireReplaceable(m_path, replace);
  m_fd = open(m_aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (m_fd < 0) throw systemFailure(m_path, "can't be written", errno);
  if (expectedBytes >= kDirectLeast) m_direct = std::make_unique<const DirectWriter>(m_aside);
  if (expectedBytes == 0) return;
  if (fallocate(m_fd, 0, 0, static_cast<off_t>(expectedBytes)) != 0 && (errno == ENOSPC || errno == EFBIG)) {
    const int code = errno;
    discard();
    throw systemFailure(m_path, "needs " + std::to_string(expectedBytes) + " bytes and can't be written", code);
  }
}

OutputFile::~OutputFile() { discard(); }

void OutputFile::discard() noexcept {
  if (m_fd < 0) return;
  close(m_fd);
  m_fd = -1;
  unlink(m_aside.c_str());
}

void OutputFile::writeAt(std::uint64_t offset, std::span<const std::byte> bytes) const {
  const std::uint64_t head = (kDirectBlock - offset % kDirectBlock) % kDirectBlock;
  if (!m_direct || bytes.size() < kDirectLeast) return writeCached(offset, bytes);
  writeCached(offset, bytes.first(head));
  const std::uint64_t done = head + m_direct->write(offset + head, bytes.subspan(head));
  writeCached(offset + done, bytes.subspan(done));
}

void OutputFile::writeCached(std::uint64_t offset, std::span<const std::byte> bytes) const {
  const auto first = static_cast<off64_t>(offset);
  const std::size_t count = bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = pwrite(m_fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw systemFailure(m_path, "can't be written", written < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  // The disk begins at once, so that commit() has little to wait for; faults show there.
  if (count >= kDirectLeast) sync_file_range(m_fd, first, static_cast<off64_t>(count), SYNC_FILE_RANGE_WRITE);
}

void OutputFile::commit(const Inspect& inspect) {
  if (inspect) inspect(m_aside);
  if (fsync(m_fd) != 0 && errno != EINVAL) throw systemFailure(m_path, "can't be written", errno);
  place();
  syncFolder(m_path.parent_path());
}

void OutputFile::place() {
  if (close(std::exchange(m_fd, -1)) != 0) {
    const int code = errno;
    unlink(m_aside.c_str());
    throw systemFailure(m_path, "can't be written", code);
  }
  try {
    appear();
  } catch (...) {
    unlink(m_aside.c_str());
    throw;
  }
}

void OutputFile::appear() {
  if (m_aside == m_path) return;
  renameIntoPlace(m_aside, m_path, m_replace);
  m_aside = m_path;
}

void writeOutputFile(const std::filesystem::path& path, std::string_view text, bool replace) {
  OutputFile file(path, replace);
  file.writeAt(0, std::as_bytes(std::span(text.data(), text.size())));
  file.commit();
}

}  // namespace qs
