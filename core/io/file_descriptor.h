#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

namespace qs {

/// A file that exists, opened with the flags of open(2) and closed at the end; fd() is negative where it couldn't be,
/// and errno says why.
class FileDescriptor {
 public:
  FileDescriptor(const std::filesystem::path& path, int flags) : m_fd(open(path.c_str(), flags | O_CLOEXEC)) {}
  ~FileDescriptor() {
    if (m_fd >= 0) close(m_fd);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  FileDescriptor(FileDescriptor&&) = delete;
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  [[nodiscard]] int fd() const { return m_fd; }

 private:
  int m_fd;
};

}  // namespace qs
