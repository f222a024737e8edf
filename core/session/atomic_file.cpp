#include "core/session/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <sstream>
#include <string>

#include "core/base/error.h"
#include "core/io/output_file.h"

namespace qs {

namespace {

// Gives 0, or the system's error number.
int writeAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 26U));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

[[noreturn]] void failWriting(const std::filesystem::path& path, int reason) {
  throw failedError(path.string(), std::string("can't be written: ") + std::strerror(reason));
}

// Devices and pipes (/dev/stdout, /dev/full) are written in place: a rename would replace them by a file.
void writeInPlace(const std::filesystem::path& path, std::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) failWriting(path, errno);
  int reason = writeAll(file, bytes);
  if (close(file) != 0 && reason == 0) reason = errno;
  if (reason != 0) failWriting(path, reason);
}

}  // namespace

void writeFileAtomically(const std::filesystem::path& target, std::string_view bytes) {
  std::error_code ignored;
  const bool isLink = std::filesystem::is_symlink(target, ignored);
  const std::filesystem::path path = isLink ? std::filesystem::weakly_canonical(target, ignored) : target;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    writeInPlace(path, bytes);
    return;
  }
  OutputFile file(path, true, bytes.size());
  file.writeAt(0, std::as_bytes(std::span(bytes.data(), bytes.size())));
  file.place();
}

std::string readWholeFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream || std::filesystem::is_directory(path)) throw inputError(path.string(), "can't be read");
  std::error_code unknown;  // of a pipe: it is read as it comes
  const std::uintmax_t size = std::filesystem::file_size(path, unknown);
  std::string text(unknown ? 0 : size, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (stream) {
    std::ostringstream rest;
    if (stream.peek() != std::char_traits<char>::eof()) rest << stream.rdbuf();
    text += rest.view();
  }
  if (stream.bad()) throw inputError(path.string(), "can't be read");
  return text;
}

}  // namespace qs
